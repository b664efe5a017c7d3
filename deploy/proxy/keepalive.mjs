/**
 * Lets the proxy keep its connections to unix sockets, as it does those to TCP ports.
 *
 * Without an agent every request says `Connection: close`. A server then closes as soon as it has answered,
 * which can be while Node still ends the request; Node takes that for a broken connection, drops the answer
 * and tells the browser 503: about one save in a hundred.
 */
import http from "node:http";

import { ConfigurableProxy } from "configurable-http-proxy/lib/configproxy.js";

// Shorter than what any of our servers keeps an idle connection (uvicorn: 5 s), so that none is used again
// at the moment when its server closes it. Requests on their way are not touched by this.
const IDLE_MS = 2_000;
const agent = new http.Agent({ keepAlive: true, timeout: IDLE_MS });

const optionsFor = ConfigurableProxy.prototype.proxyOptsForTarget;
ConfigurableProxy.prototype.proxyOptsForTarget = function (target) {
  const options = optionsFor.call(this, target);
  if (options.target.socketPath) {
    options.agent = agent;
  }
  return options;
};
