# Signs a command for a gateway. pip install cryptography
#   python3 command.py center.key center //lianhua/park-01 SESSION NONCE entry-gate open | mosquitto_pub -l -q 1 -t lotusgate/v1/lianhua/park-01/command/entry-gate
import base64, json, secrets, sys, time
from cryptography.hazmat.primitives.serialization import load_pem_private_key

key_file, kid, aud, session, nonce, device, action = sys.argv[1:]
with open(key_file, "rb") as f:
    key = load_pem_private_key(f.read(), password=None)

def part(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=")

now = int(time.time())
header = {"alg": "EdDSA", "kid": kid, "typ": "lotusgate-command"}
claims = {"jti": secrets.token_hex(16), "iat": now, "exp": now + 10, "aud": aud, "session": session,
          "nonce": nonce, "device": device, "action": action, "args": {}}
signed = part(json.dumps(header).encode()) + b"." + part(json.dumps(claims).encode())
print((signed + b"." + part(key.sign(signed))).decode())
