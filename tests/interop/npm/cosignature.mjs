// Verifies and makes ML-DSA-44 cosignatures from the text of C2SP tlog-cosignature alone: vkeys, signature lines and checkpoints
// come in, nothing of Hanse runs here. JSON on standard input and output: { verify: [...], sign: [...] }.
import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";

const KIND = Buffer.from([6]);

function u64(value) {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(value));
  return out;
}

function vector(text) {
  const data = Buffer.from(text);
  return Buffer.concat([Buffer.from([data.length]), data]);
}

function message(name, time, note) {
  const [origin, size, root] = note.split("\n");
  const tree = [vector(origin), u64(0), u64(size), Buffer.from(root, "base64")];
  return Buffer.concat([Buffer.from("subtree/v1\n\0"), vector(name), time, ...tree]);
}

function keyId(name, key) {
  return createHash("sha256").update(`${name}\n`).update(KIND).update(key).digest().subarray(0, 4);
}

function verify({ vkey, line, note }) {
  const [name, id] = vkey.split("+", 2);
  const key = Buffer.from(vkey.slice(name.length + id.length + 2), "base64").subarray(1);
  const [, signer, encoded] = line.split(" ");
  const data = Buffer.from(encoded, "base64");
  const expected = keyId(name, key);
  if (signer !== name || expected.toString("hex") !== id || !data.subarray(0, 4).equals(expected)) return false;
  return ml_dsa44.verify(data.subarray(12), message(name, data.subarray(4, 12), note), key);
}

function sign({ name, time, note }) {
  const { publicKey, secretKey } = ml_dsa44.keygen(new Uint8Array(32).fill(7));
  const id = keyId(name, publicKey);
  const data = Buffer.concat([id, u64(time), ml_dsa44.sign(message(name, u64(time), note), secretKey)]);
  const material = Buffer.concat([KIND, publicKey]);
  return { vkey: `${name}+${id.toString("hex")}+${material.toString("base64")}`, line: `\u2014 ${name} ${data.toString("base64")}` };
}

const requests = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify({ verified: requests.verify.map(verify), signed: requests.sign.map(sign) }));
