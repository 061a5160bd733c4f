"""What paho-mqtt sees of MQTT 5.0, line by line: paho_v5.py PORT 5 SCENARIO [ARGUMENT...]

The lines are those of mqttjs_v5.mjs.
"""

import time

from paho_peer import (
    PROPERTIES, PacketTypes, Peer, SubscribeOptions,
    described, numbers, packed, play, say, show, tell, watcher,
)


def connected(*arguments, **keywords):
    peer = Peer(*arguments, **keywords)
    peer.connect()
    return peer


def properties():
    subscriber = connected("subscriber")
    subscriber.subscribe(("p/#", 2), SubscriptionIdentifier=7, UserProperty=("not", "passed on"))
    publisher = connected("publisher")
    for qos in range(3):
        publisher.publish(f"p/{qos}", "all", qos, **PROPERTIES)
        show(subscriber.message())
        publisher.publish(f"p/{qos}", "none", qos)
        show(subscriber.message())
    publisher.publish("p/3", "kept", 1, True, **PROPERTIES)
    subscriber.message()
    late = connected("late")
    late.subscribe(("p/+", 0), SubscriptionIdentifier=268435455)
    show(late.message())


def identifiers():
    """Overlapping subscriptions, each with a number of its own."""
    peer = connected("peer")
    peer.subscribe(("i/+", 1), SubscriptionIdentifier=1)
    peer.subscribe(("i/a", 2), SubscriptionIdentifier=2)
    peer.subscribe(("i/#", 0))
    for topic in ["i/a", "i/b", "i/b/c"]:
        peer.publish(topic, "hi", 2)
        show(peer.message())
    peer.subscribe(("i/+", 1), SubscriptionIdentifier=3)
    peer.unsubscribe("i/a")
    peer.publish("i/a", "hi", 2)
    show(peer.message())


def codes():
    """Of all acknowledgements."""
    subscriber = connected("subscriber")
    wanted = [("a", 0), ("b", 1), ("c", 2), ("secret/a", 1)]
    tell("granted", subscriber.subscribe(*wanted))
    publisher = connected("publisher")
    for qos in [1, 2]:
        for topic in ["a", "nobody", "$SYS/a", "t" * 5000]:
            tell(f"{qos} {topic[:6]}", publisher.publish(topic, "hi", qos))
        tell(f"{qos} large", publisher.publish("a", "x" * 1001, qos))
    tell("unsubscribed", subscriber.unsubscribe("a", "x", "b"))


def quiet():
    """No reason strings, as they are not asked for."""
    peer = connected("peer", RequestProblemInformation=0)
    tell("granted", peer.subscribe(("secret/a", 1)))
    tell("published", peer.publish("$SYS/a", "hi", 1))


def subscribe_options():
    peer, other = connected("peer"), connected("other")
    no_local = SubscribeOptions(qos=1, noLocal=True)
    as_published = SubscribeOptions(qos=1, retainAsPublished=True)
    peer.subscribe(("o/foreign", no_local), ("o/any", 1), ("o/published", as_published))
    peer.publish("o/foreign", "own")
    peer.publish("o/any", "own")
    show(peer.message())
    other.publish("o/foreign", "other's")
    show(peer.message())
    for topic in ["o/any", "o/published"]:
        other.publish(topic, "retained", 1, True)
        show(peer.message())


def retain_handling():
    publisher = connected("publisher")
    for handling in range(3):
        publisher.publish(f"h/{handling}", "kept", 1, True)
    peer = connected("peer", clean=False)
    for end in range(2):
        for turn in range(2):
            for handling in range(3):
                peer.subscribe((f"h/{handling}", SubscribeOptions(qos=1, retainHandling=handling)))
            publisher.publish("h/0", f"turn {turn}")
            while True:
                message = peer.message()
                show(message)
                if not message.retain:
                    break
        if end == 0:
            # A subscription of the session is not new either.
            peer.disconnect()
            peer = Peer("peer", clean=False)
            say("present", peer.connect())


def session_expiry():
    publisher = connected("publisher")

    def left_behind(expiry, wait, **at_the_end):
        peer = connected("peer", SessionExpiryInterval=expiry)
        peer.subscribe(("s", 2))
        peer.disconnect(**at_the_end)
        publisher.publish("s", "kept", 2)
        time.sleep(wait)
        # Nor is there one left from the first of these.
        for word in ["present", "then"]:
            peer = Peer("peer", clean=False)
            present = peer.connect()
            say(word, present)
            if present:
                show(peer.message())
            peer.disconnect(SessionExpiryInterval=0)

    left_behind(60, 0)
    left_behind(0, 0)
    left_behind(1, 3)
    left_behind(60, 0, SessionExpiryInterval=0)
    left_behind(60, 3, SessionExpiryInterval=1)
    left_behind(1, 3, SessionExpiryInterval=60)


def message_expiry():
    publisher = connected("publisher")
    peer = connected("peer", clean=False)
    peer.subscribe(("e/#", 1))
    peer.disconnect()
    publisher.publish("e/short", "gone", 1, True, MessageExpiryInterval=1)
    publisher.publish("e/long", "waits", 1, True, MessageExpiryInterval=1000)
    publisher.publish("e/none", "waits", 1, True)
    time.sleep(3)
    peer = connected("peer", clean=False)
    late = connected("late")
    late.subscribe(("e/#", 1))
    for messages in [[receiver.message(), receiver.message()] for receiver in [peer, late]]:
        for message in sorted(messages, key=lambda message: message.topic):
            expiry = getattr(message.properties, "MessageExpiryInterval", None)
            counted = "never" if expiry is None else "later" if 900 < expiry <= 998 else expiry
            say(message.topic, f"'{message.payload.decode()}' retain {int(message.retain)} expires {counted}")
    publisher.publish("e/short", "last")
    show(peer.message())
    show(late.message())


def wills():
    watching = watcher(("w/#", 2))

    def mortal(name, delay, clean=False):
        given = {"WillDelayInterval": delay, **PROPERTIES} if delay else PROPERTIES
        properties = packed(PacketTypes.WILLMESSAGE, given)
        return connected(name, clean, (f"w/{name}", "gone", 1, False, properties))

    mortal("prompt", 0).lose()
    show(watching.message())
    mortal("asked", 0).disconnect(4)
    show(watching.message())
    mortal("silent", 0).disconnect()
    # Its session ends before the delay.
    mortal("short", 60, True).lose()
    show(watching.message())
    begun = time.monotonic()
    mortal("late", 2).lose()
    mortal("back", 1).lose()
    connected("back", clean=False)
    show(watching.message())
    say("waited", time.monotonic() - begun > 1.5)
    watching.publish("w/end", "that was all")
    show(watching.message())


def takeover():
    first = connected("same", clean=False)
    first.subscribe(("t", 1))
    second = Peer("same", clean=False)
    say("present", second.connect())
    tell("disconnected", first.wait("disconnected"))
    second.publish("t", "for the second")
    show(second.message())


def assigned():
    first = connected("", SessionExpiryInterval=60)
    second = connected("")
    names = [peer.connack.AssignedClientIdentifier for peer in [first, second]]
    prefix = names[0][: -len("1")]
    say("begins with auto-", names[0].startswith("auto-"), "goes on", names[1] == f"{prefix}2")
    first.subscribe(("a", 1))
    first.disconnect()
    back = Peer(names[0], clean=False)
    say("present", back.connect())
    back.publish("a", "to the same")
    show(back.message())


def request_response():
    requester, responder = connected("requester"), connected("responder")
    requester.subscribe(("re/ply", 1))
    responder.subscribe(("request", 1))
    for number in range(2):
        data = f"number {number}".encode()
        requester.publish("request", "?", ResponseTopic="re/ply", CorrelationData=data)
    for _ in range(2):
        request = responder.message()
        show(request)
        given = request.properties
        responder.publish(given.ResponseTopic, "!", CorrelationData=given.CorrelationData)
    for _ in range(2):
        show(requester.message())


def terms(expiry):
    """What CONNACK says."""
    peer = connected("peer", SessionExpiryInterval=int(expiry))
    say(described(peer.connack).strip())


def aliases_of_the_client():
    subscriber = connected("subscriber")
    subscriber.subscribe(("al/#", 1))
    publisher = connected("publisher")
    for topic, alias in [("al/a", 1), ("", 1), ("al/b", 10), ("", 1), ("", 10), ("al/b", 1), ("", 1)]:
        publisher.publish(topic, str(alias), TopicAlias=alias)
        show(subscriber.message())


def aliases_of_the_server():
    subscriber = connected("subscriber", TopicAliasMaximum=2)
    subscriber.subscribe(("al/#", 1))
    publisher = connected("publisher")
    for topic in ["al/a", "al/b", "al/a", "al/b", "al/a"]:
        publisher.publish(topic, "hi")
        say(subscriber.message().topic)
    say("abbreviated", subscriber.abbreviated)


def receive_maximum():
    """Messages that waited, a few at a time."""
    peer = connected("peer", clean=False)
    peer.subscribe(("m", 2))
    peer.disconnect()
    publisher = connected("publisher")
    for number in range(12):
        publisher.publish("m", str(number), 2)
    peer = connected("peer", clean=False, ReceiveMaximum=2)
    say(numbers(peer.message().payload.decode() for _ in range(12)))


def window():
    """No more than is acknowledged."""
    peer = connected("peer", manual_ack=True, ReceiveMaximum=2)
    peer.subscribe(("m", 1))
    publisher = connected("publisher")
    for number in range(5):
        publisher.publish("m", str(number))
    messages = [peer.message(), peer.message()]
    for _ in range(3):
        # SUBACK comes after what was sent before.
        peer.subscribe(("none", 0))
        unacknowledged = numbers(message.payload.decode() for message in messages)
        say(unacknowledged, "and", peer.events["message"].qsize(), "more")
        peer.client.ack(messages.pop(0).mid, 1)
        messages.append(peer.message())
    say(messages[-1].payload.decode())


def maximum_packet_size():
    peer = connected("peer", MaximumPacketSize=100)
    peer.subscribe(("m", 2))
    publisher = connected("publisher")
    for payload in ["before", "x" * 100, "after"]:
        publisher.publish("m", payload, 2)
    show(peer.message())
    show(peer.message())


def shared():
    first, second = connected("first"), connected("second")
    for peer in [first, second]:
        peer.subscribe(("$share/group/s/+", 1))
    other = connected("other")
    other.subscribe(("$share/other/s/#", 1))
    publisher = connected("publisher")
    for number in range(6):
        publisher.publish("s/t", str(number))
    for peer, count in [(first, 3), (second, 3), (other, 6)]:
        say(numbers(peer.message().payload.decode() for _ in range(count)))
    first.disconnect()
    for number in range(6, 8):
        publisher.publish("s/t", str(number))
    say(numbers(second.message().payload.decode() for _ in range(2)))


def lost_member():
    """What it has not acknowledged goes to another."""
    first, second = connected("first", clean=False, manual_ack=True), connected("second")
    for peer in [first, second]:
        peer.subscribe(("$share/group/s", 1))
    publisher = connected("publisher")
    for number in range(4):
        publisher.publish("s", str(number))
    for peer in [first, second]:
        for _ in range(2):
            show(peer.message())
    first.lose()
    for _ in range(2):
        show(second.message())


def method():
    peer = Peer("peer", AuthenticationMethod="SCRAM-SHA-1", AuthenticationData=b"n,,n=user")
    tell("return code", (peer.open()[1], peer.connack))


def faults(*chosen):
    """What a server that does without takes for a fault."""
    numbered = packed(PacketTypes.SUBSCRIBE, {"SubscriptionIdentifier": 1})
    plain = SubscribeOptions(qos=0)
    every = {
        "receive": three_at_once,
        "qos": lambda peer: peer.client.publish("t", "hi", 2),
        "retain": lambda peer: peer.client.publish("t", "hi", 0, True),
        "size": lambda peer: peer.client.publish("t", "x" * 40_000_000),
        "alias": lambda peer: peer.client.publish("t", "hi", properties=aliased(11)),
        "unknown": lambda peer: peer.client.publish("", "hi", properties=aliased(1)),
        "wildcard": lambda peer: peer.client.subscribe([("t/+", plain)]),
        "shared": lambda peer: peer.client.subscribe([("$share/g/t", plain)]),
        "identifier": lambda peer: peer.client.subscribe([("t", plain)], properties=numbered),
    }
    for name in chosen:
        peer = connected("peer")
        every[name](peer)
        tell(name, peer.wait("disconnected"))


def three_at_once(peer):
    """Before the first answer is read."""
    peer.client.loop_stop()
    for _ in range(3):
        peer.client.publish("t", "hi", 2)
    peer.client.loop_start()


def aliased(alias):
    return packed(PacketTypes.PUBLISH, {"TopicAlias": alias})


def idle():
    """paho-mqtt does not know that the server sets another keep alive."""
    peer = connected("peer")
    say(described(peer.connack).strip())
    tell("disconnected", peer.wait("disconnected"))


play(
    properties, identifiers, codes, quiet, subscribe_options, retain_handling, session_expiry, message_expiry,
    wills, takeover, assigned, request_response, terms, aliases_of_the_client, aliases_of_the_server,
    receive_maximum, window, maximum_packet_size, shared, lost_member, method, faults, idle,
)
