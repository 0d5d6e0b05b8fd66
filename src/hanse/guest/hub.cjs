// What NODE_OPTIONS loads into every Node program behind a gateway: its `fetch` asks the gateway where it would ask the public hub.
// JavaScript clients do not read HF_ENDPOINT, so without this they go past the gateway and nobody notices.
// Node of any age loads it: the syntax is that of Node 8, and where there is no `fetch` (before Node 18) nothing is changed.
"use strict";

const HUB = /^https?:\/\/(huggingface\.co|hf\.co)\.?$/; // matches `URL.origin`: small letters, no port where it is the usual one
const GATEWAY = /^http:\/\/127\.0\.0\.1:[0-9]+\/[^/]+$/; // any other HF_ENDPOINT was set later, by somebody who wants that server
const DONE = Symbol.for("hanse.guest.hub");

const gateway = process.env.HF_ENDPOINT || ""; // as it is now: the program may change it
const original = global.fetch;

/** Return where the gateway has what the public hub has at `address`; undefined if that is no address of the public hub. */
function moved(address) {
  let url;
  try {
    url = new URL(address);
  } catch (error) {
    return undefined; // `fetch` says itself what is wrong with it
  }
  return HUB.test(url.origin) ? gateway + url.pathname + url.search : undefined;
}

async function fetch(input, init) {
  const whole = typeof input === "object" && input instanceof Request;
  const target = moved(whole ? input.url : input);
  if (target === undefined) return original(input, init);
  // A dispatcher is the program's way to the hub, such as a proxy, from which nothing leads back to this machine.
  const options = init && init.dispatcher ? Object.assign({}, init, { dispatcher: undefined }) : init;
  return original(whole ? new Request(target, input) : target, options);
}

if (typeof original === "function" && GATEWAY.test(gateway) && !global[DONE]) {
  Object.defineProperty(global, DONE, { value: true });
  global.fetch = fetch;
}
