// Verifies bundles with @sigstore/bundle and @sigstore/verify. Standard input: {"key": PEM, "hint": text, "bundles": [text, ...]}.
// Standard output: a JSON list, for each bundle "ok" or the error's name and message.
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.argv[2]}/`);
const { bundleFromJSON } = require("@sigstore/bundle");
const { Verifier, toSignedEntity } = require("@sigstore/verify");

const { key, hint, bundles } = JSON.parse(readFileSync(0, "utf8"));
const material = {
  publicKey: (asked) => {
    if (asked !== hint) throw new Error(`no key for the hint ${asked}`);
    return { publicKey: createPublicKey(key), validFor: () => true };
  },
  certificateAuthorities: [],
  timestampAuthorities: [],
  tlogs: [],
  ctlogs: [],
};
const verifier = new Verifier(material, { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 });
const results = bundles.map((text) => {
  try {
    verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(text))));
    return "ok";
  } catch (error) {
    return `${error.constructor.name}: ${error.message}`;
  }
});
process.stdout.write(JSON.stringify(results));
