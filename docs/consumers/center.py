#!/usr/bin/env python3
"""Listens to every gateway: each event once, what is missing, and which states can still be trusted.

    apt install python3-paho-mqtt
    ./center.py broker.lan 1883
"""

import json
import sys

import paho.mqtt.client as mqtt

PREFIX = "lotusgate/v1"


class Gateway:
    """What is known about one gateway."""

    def __init__(self):
        self.alive = False
        self.states = {}  # device -> (value, quality)
        self.seen = {}  # (epoch, run) -> numbers that came or were named as dropped; a center keeps these in its database
        self.missing = None

    def event(self, e):
        """Says whether the event is new."""
        epoch, run, number = e["id"].split("-")
        seen = self.seen.setdefault((epoch, int(run)), set())
        if int(number) in seen:
            return False
        seen.add(int(number))
        if e["type"] == "lotusgate.gateway.events_dropped":
            d = e["data"]
            for r in d["ranges"]:
                self.seen.setdefault((d["epoch"], d["run"]), set()).update(range(r["from"], r["to"] + 1))
        return True

    def holes(self):
        """Numbers of each run that neither came nor were named. After an outage they fill up: alarms overtake the rest."""
        found = []
        for (epoch, run), seen in sorted(self.seen.items()):
            found += [f"{epoch}-{run:08d}-{n:010d}" for n in range(1, max(seen)) if n not in seen]
        return found


gateways = {}


def on_connect(client, *_):
    client.subscribe(PREFIX + "/#", qos=1)


def on_message(_client, _userdata, message):
    site, gateway, kind, *rest = message.topic[len(PREFIX) + 1 :].split("/")
    g = gateways.setdefault((site, gateway), Gateway())
    if not message.payload:
        if kind == "alarm":
            print("alarm cleared", gateway, *rest, flush=True)
        return
    said = json.loads(message.payload)
    if kind == "status":
        g.alive = said["state"] in ("online", "degraded")
        print("status", gateway, said["state"], flush=True)
    elif kind == "state":
        g.states[said["device"]] = said
    elif kind == "alarm":
        print("alarm", gateway, *rest, said["severity"], said["text"]["en"], flush=True)
    elif kind == "event":
        if g.event(said):
            print("event", said["id"], said["type"], said["subject"], json.dumps(said["data"]), flush=True)
        else:
            print("duplicate", said["id"], flush=True)
    if kind in ("status", "state"):
        for device, s in sorted(g.states.items()):
            trusted = s["quality"] if g.alive else "gateway is not there"
            print("state", gateway, device, s["value"], trusted, sep=" ", flush=True)
    missing = g.holes()
    if missing != g.missing:
        g.missing = missing
        print("missing", gateway, *(missing or ["nothing"]), flush=True)


def new_client():
    # A fixed id and no clean session: the broker keeps events for us while we are away.
    options = {"client_id": "center-example", "clean_session": False}
    if hasattr(mqtt, "CallbackAPIVersion"):  # paho 2
        return mqtt.Client(mqtt.CallbackAPIVersion.VERSION1, **options)
    return mqtt.Client(**options)


client = new_client()
client.on_connect = on_connect
client.on_message = on_message
client.connect(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1883)
client.loop_forever()
