// What NODE_OPTIONS loads into every Node program behind a gateway: its `fetch` asks the gateway where it would ask the public hub.
// JavaScript clients do not read HF_ENDPOINT, so without this they go past the gateway and nobody notices.
// Node of any age loads it: the syntax is that of Node 8, and where there is no `fetch` (before Node 18) nothing is changed.
"use strict";

const HUB = /^https?:\/\/(huggingface\.co|hf\.co)\.?$/; // matches `URL.origin`: small letters, no port where it is the usual one
const DONE = Symbol.for("hanse.guest.hub");
const DISPATCHER = Symbol.for("undici.globalDispatcher.1"); // where Node keeps what its `fetch` connects by

const gateway = process.env.HANSE_GATEWAY || ""; // as it is now: the program may change it
const original = global.fetch;
let patient;

/** Return what connects as `fetch` does and waits for the first byte for a day, while files are checked; undefined if there is none. */
function waiting() {
  new Headers(); // has Node load its `fetch`
  const own = global[DISPATCHER];
  if (!patient && own && own.constructor.name === "Agent") {
    patient = new own.constructor({ headersTimeout: 86400e3, bodyTimeout: 86400e3 });
  }
  return patient;
}

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
  // The program's own dispatcher is its way to the hub, such as a proxy, from which nothing leads back to this machine.
  return original(whole ? new Request(target, input) : target, Object.assign({}, init, { dispatcher: waiting() }));
}

if (typeof original === "function" && gateway && !global[DONE]) {
  Object.defineProperty(global, DONE, { value: true });
  global.fetch = fetch;
}
