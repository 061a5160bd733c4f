"""What paho-mqtt sees of a server, line by line: paho_client.py PORT VERSION SCENARIO [ARGUMENT...]

VERSION is 3 for MQTT 3.1, 4 for 3.1.1, 5 for 5.0. The lines are those of mqttjs_client.mjs.
"""

import hashlib

from paho_peer import PORT, PROPERTIES, VERSION, Peer, numbers, play, say, show, tell, watcher

LARGE = bytes(range(256)) * 4096


def exchange():
    publisher = Peer("publisher")
    publisher.connect()
    for wanted in range(3):
        subscriber = Peer("subscriber")
        subscriber.connect()
        say("granted", numbers(subscriber.subscribe(("t/+", wanted))[0]))
        for qos in range(3):
            publisher.publish("t/é", f"{qos} {wanted}", qos)
            show(subscriber.message())
        subscriber.disconnect()


def filters():
    """Overlapping subscriptions, one that is denied, one that is given up."""
    subscriber = Peer("subscriber")
    subscriber.connect()
    wanted = [("f/+", 0), ("f/#", 2), ("f/a", 1), ("secret/#", 1), ("#", 0)]
    say("granted", numbers(subscriber.subscribe(*wanted)[0]))
    subscriber.publish("f/a", "once", 2)
    show(subscriber.message())
    subscriber.publish("secret/a", "never", 2)
    subscriber.publish("$own", "never", 2)
    subscriber.unsubscribe("f/#")
    subscriber.publish("f/a", "lower", 2)
    show(subscriber.message())
    subscriber.unsubscribe("f/a")
    subscriber.unsubscribe("#")
    subscriber.publish("f/a/b", "never", 2)
    subscriber.publish("f/a", "lowest", 2)
    show(subscriber.message())


def retained():
    peer = Peer("peer")
    peer.connect()
    peer.publish("r/1", "kept", 1, True)
    peer.publish("r/2", "other", 2, True)
    peer.publish("r/1", "", 1)
    peer.subscribe(("r/+", 2))
    for message in sorted((peer.message(), peer.message()), key=lambda message: message.topic):
        show(message)
    for payload in ["new", ""]:
        peer.publish("r/1", payload, 1, True)
        show(peer.message())
    peer.subscribe(("r/#", 1))
    show(peer.message())
    peer.publish("r/2", "", 1, True)
    show(peer.message())
    peer.subscribe(("r/#", 1))
    peer.publish("r/end", "end", 1)
    show(peer.message())


def will():
    watching = watcher(("w/#", 2))
    for qos in range(3):
        mortal = Peer("mortal", will=(f"w/{qos}", f"gone {qos}", qos, qos == 2))
        mortal.connect()
        mortal.lose()
        show(watching.message())
    for ended in ["unseen", "cleared"]:
        mortal = Peer("mortal", will=("w/2", "not said", 1, True))
        mortal.connect()
        mortal.disconnect()
        watching.publish("w/2", "" if ended == "cleared" else ended, 1, ended == "cleared")
        late = Peer("late")
        late.connect()
        late.subscribe(("w/#", 1))
        late.publish("w/end", ended)
        for _ in range(2):
            show(watching.message())
        message = late.message()
        show(message)
        if message.retain:
            show(late.message())
        late.disconnect()


def keep_alive():
    watching = watcher(("w", 1))
    lively = Peer("lively", will=("w", "lively", 1), keep_alive=4)
    lively.connect()
    silent = Peer("silent", will=("w", "silent", 1), keep_alive=4)
    # Without its loop it sends no PINGREQ.
    silent.client.connect("127.0.0.1", PORT, keepalive=4)
    while not silent.client.is_connected():
        silent.client.loop()
    show(watching.message())
    lively.publish("w", "still there")
    show(watching.message())


def session():
    publisher = Peer("publisher")
    publisher.connect()
    subscriber = Peer("subscriber", clean=False)
    say("present", subscriber.connect())
    subscriber.subscribe(("s/1", 1), ("s/2", 2))
    for end in [Peer.disconnect, Peer.lose]:
        end(subscriber)
        for number in range(1, 7):
            publisher.publish(f"s/{1 + number % 2}", str(number), 1 + number % 2)
        subscriber = Peer("subscriber", clean=False)
        say("present", subscriber.connect())
        # QoS 1 may overtake QoS 2, which a client has once it is released.
        messages = [subscriber.message() for _ in range(6)]
        for message in sorted(messages, key=lambda message: message.topic):
            show(message)
    subscriber.disconnect()
    publisher.publish("s/2", "discarded", 2)
    for clean in [True, False]:
        subscriber = Peer("subscriber", clean=clean)
        say("present", subscriber.connect())
        subscriber.publish("s/2", "unheard", 2)
        subscriber.subscribe(("end", 2))
        subscriber.publish("end", "heard", 2)
        show(subscriber.message())
        subscriber.disconnect()


def takeover():
    watching = watcher(("w", 2))
    first = Peer("same", clean=False, will=("w", "taken over", 1))
    say("present", first.connect())
    first.subscribe(("t", 1))
    second = Peer("same", clean=False)
    say("present", second.connect())
    first.wait("disconnected")
    say("first is disconnected")
    show(watching.message())
    watching.publish("t", "for the second")
    show(second.message())
    third = Peer("same", clean=True)
    say("present", third.connect())
    second.wait("disconnected")
    say("second is disconnected")
    watching.publish("t", "for nobody")
    third.subscribe(("t", 1))
    watching.publish("t", "for the third")
    show(third.message())


def large():
    peer = Peer("peer")
    peer.connect()
    peer.subscribe(("large", 2))
    for qos in range(3):
        peer.publish("large", LARGE, qos)
        message = peer.message()
        say(message.qos, len(message.payload), hashlib.sha256(message.payload).hexdigest())
    peer.publish("large", LARGE, 1, True)
    peer.message()
    late = Peer("late")
    late.connect()
    late.subscribe(("large", 0))
    message = late.message()
    say(message.qos, len(message.payload), hashlib.sha256(message.payload).hexdigest())


def refused(*user):
    peer = Peer("peer", user=user or None)
    say("return code", peer.open()[1])


def subscribe(qos, topic_filter, count):
    peer = Peer(f"paho-{VERSION}")
    peer.connect()
    say("granted", numbers(peer.subscribe((topic_filter, int(qos)))[0]))
    for _ in range(int(count)):
        show(peer.message())
    peer.disconnect()


def publish(qos, topic, payload):
    peer = Peer("paho-publisher")
    peer.connect()
    peer.publish(topic, payload, int(qos), **PROPERTIES)
    peer.disconnect()


def until_closed():
    peer = Peer(f"paho-{VERSION}")
    peer.connect()
    say("connected")
    farewell = peer.wait("disconnected")
    if VERSION == 5:
        tell("disconnected", farewell)
    else:
        say("disconnected")


play(
    exchange, filters, retained, will, keep_alive, session, takeover, large, refused,
    subscribe, publish, until_closed,
)
