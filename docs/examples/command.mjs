// Signs a command for a gateway. Node 18 or later, nothing to install.
//   node command.mjs center.key center //lianhua/park-01 SESSION NONCE entry-gate open | mosquitto_pub -l -q 1 -t lotusgate/v1/lianhua/park-01/command/entry-gate
import { createPrivateKey, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";

const [keyFile, kid, aud, session, nonce, device, action] = process.argv.slice(2);
const key = createPrivateKey(readFileSync(keyFile));
const part = (o) => Buffer.from(JSON.stringify(o)).toString("base64url");

const now = Math.floor(Date.now() / 1000);
const header = { alg: "EdDSA", kid, typ: "lotusgate-command" };
const claims = { jti: randomUUID(), iat: now, exp: now + 10, aud, session, nonce, device, action, args: {} };
const signed = part(header) + "." + part(claims);
console.log(signed + "." + sign(null, Buffer.from(signed), key).toString("base64url"));
