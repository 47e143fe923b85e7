"""Prints alerts as JSON lines, each once and in order; docs/clients.md says how and why."""

import json
import sys
import time
from os import environ as env

import redis

PREFIX = "exercise:" if env.get("EXERCISE") == "1" else ""
PLACES = {f"{PREFIX}alerts:{place}": place for place in sys.argv[1:]}
LOGIN = {"username": env.get("REDIS_USER"), "password": env.get("REDIS_PASSWORD")}
last, seen, epoch = {}, {}, None  # sequence of each channel, identifiers, Redis's present life


def tell(channel, texts, aloud=True):
    for text in sorted(texts, key=lambda text: json.loads(text)["sequence"]):
        about = json.loads(text).get("alert") or json.loads(text)["note"]
        identity = channel, about.get("alert_id") or about["note_id"]
        if aloud and identity not in seen:
            print(text, flush=True)
        seen[identity] = True
        if len(seen) > 20_000 * len(PLACES):  # twice what is kept
            del seen[next(iter(seen))]


def catch_up(link, channel, start):
    stream = link.xrange(f"{PREFIX}stream:alerts:{PLACES[channel]}", min=start)
    active = list(link.hgetall(f"{PREFIX}active:alerts:{PLACES[channel]}").values())
    numbers = [int(entry_id.split("-")[0]) for entry_id, _ in stream] or [start - 1]
    if 1 < start < numbers[0]:
        print(f"MISSED: {channel} {start} to {numbers[0] - 1}, no longer kept", file=sys.stderr)
    if channel not in last:  # new here: what is not active is history
        tell(channel, active)
    tell(channel, [fields["message"] for _, fields in stream] + active, aloud=channel in last)
    last[channel] = numbers[-1]


while True:
    live, judging, beaten_s = False, True, time.monotonic()
    try:
        with redis.Redis.from_url(env["REDIS_URL"], **LOGIN, decode_responses=True) as link:
            heard = link.pubsub()
            heard.subscribe(*PLACES, f"{PREFIX}heartbeat")
            while time.monotonic() - beaten_s < 15:  # three heartbeats
                got = heard.get_message(timeout=1) or {"channel": None, "type": None}
                if got["type"] == "message" and json.loads(got["data"])["epoch"] != epoch:
                    for channel in PLACES:  # Redis may have lost what we counted from
                        catch_up(link, channel, 1)
                    epoch = json.loads(got["data"])["epoch"]
                elif got["channel"] in PLACES:  # it is subscribed, or there is something to read
                    catch_up(link, got["channel"], last.get(got["channel"], 0) + 1)
                if got["type"] == "message" and got["channel"] not in PLACES:
                    beaten_s = time.monotonic()
                    said = json.loads(got["data"]).get("judging", judging)
                    if judging is not (judging := said):
                        print("JUDGED AGAIN" if said else "REPORTS ARE NOT JUDGED", file=sys.stderr)
                    live = live or print("LIVE", file=sys.stderr) is None
        print("NOT LIVE: no heartbeat for 15 s, nobody would publish", file=sys.stderr)
    except redis.RedisError as error:
        print(f"NOT LIVE: {error}", file=sys.stderr)
    time.sleep(1)
