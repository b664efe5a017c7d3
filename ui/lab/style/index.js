import 'driver.js/dist/driver.css';
import './base.css';
