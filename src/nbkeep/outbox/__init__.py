"""What people are told: notices in portal and JupyterLab, put in with what they tell of."""
