"""A paho-mqtt client whose events are waited for, and how they are shown."""

import queue
import socket
import sys

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

PORT = int(sys.argv[1])
VERSION = int(sys.argv[2])
PATIENCE = 120
KINDS = ["connected", "disconnected", "subscribed", "unsubscribed", "published", "message"]

# What a message of 5.0 may have.
PROPERTIES = {
    "PayloadFormatIndicator": 1,
    "MessageExpiryInterval": 3600,
    "ContentType": "text/plain",
    "ResponseTopic": "re/ply",
    "CorrelationData": b"xyz",
    "UserProperty": [("k", "v"), ("k", "w")],
}

# paho-mqtt tells the return codes of 3.1.1 in the words of 5.0.
RETURN_CODES = {
    "Success": 0,
    "Unsupported protocol version": 1,
    "Client identifier not valid": 2,
    "Server unavailable": 3,
    "Bad user name or password": 4,
    "Not authorized": 5,
}


class Peer:
    """A client whose events wait in queues, one for each kind."""

    def __init__(
        self, client_id, clean=True, will=None, user=None, keep_alive=60, manual_ack=False, **properties
    ):
        self.events = {kind: queue.Queue() for kind in KINDS}
        self.clean = clean
        self.keep_alive = keep_alive
        if not clean:
            properties.setdefault("SessionExpiryInterval", 3600)
        self.properties = packed(PacketTypes.CONNECT, properties)
        self.aliases = {}
        self.abbreviated = 0
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if VERSION == 5 else clean,
            protocol=VERSION,
            reconnect_on_failure=False,
            manual_ack=manual_ack,
        )
        if will is not None:
            self.client.will_set(*will)
        if user is not None:
            self.client.username_pw_set(*user)
        self.client.on_connect = self.on_connect
        self.client.on_disconnect = self.on_disconnect
        self.client.on_message = self.on_message
        self.client.on_subscribe = self.on_subscribe
        self.client.on_unsubscribe = self.on_unsubscribe
        self.client.on_publish = self.on_publish

    def note(self, kind, event):
        self.events[kind].put(event)

    def on_connect(self, _client, _data, flags, code, properties):
        value = code.value if VERSION == 5 else RETURN_CODES[str(code)]
        self.connack = properties
        self.note("connected", (flags.session_present, value))

    def on_disconnect(self, _client, _data, _flags, code, properties):
        self.note("disconnected", (code.value, properties))

    def on_subscribe(self, _client, _data, _mid, codes, properties):
        self.note("subscribed", ([code.value for code in codes], properties))

    def on_unsubscribe(self, _client, _data, _mid, codes, properties):
        self.note("unsubscribed", ([code.value for code in codes], properties))

    def on_publish(self, _client, _data, _mid, code, properties):
        self.note("published", (code.value, properties))

    def on_message(self, _client, _data, message):
        """paho-mqtt leaves it to the application to know what an alias stands for."""
        alias = getattr(message.properties, "TopicAlias", None) if VERSION == 5 else None
        if alias is not None and message.topic != "":
            self.aliases[alias] = message.topic
        elif alias is not None:
            self.abbreviated += 1
            message.topic = self.aliases[alias].encode()
        self.note("message", message)

    def wait(self, kind):
        return self.events[kind].get(timeout=PATIENCE)

    def is_waiting(self, kind):
        return not self.events[kind].empty()

    def open(self):
        """Connects: whether there was a session, and the return code."""
        options = {"clean_start": self.clean, "properties": self.properties} if VERSION == 5 else {}
        self.client.connect("127.0.0.1", PORT, keepalive=self.keep_alive, **options)
        self.client.loop_start()
        return self.wait("connected")

    def connect(self):
        """Connects: whether there was a session."""
        session_present, code = self.open()
        assert code == 0, f"refused: {code}"
        return int(session_present)

    def subscribe(self, *filters, **properties):
        """With filters and their QoS, or in 5.0 their options: the codes, and in 5.0 properties."""
        wanted = list(filters)
        if VERSION == 5:
            wanted = [(name, options(given)) for name, given in wanted]
        self.client.subscribe(wanted, properties=packed(PacketTypes.SUBSCRIBE, properties))
        return self.wait("subscribed")

    def unsubscribe(self, *filters):
        self.client.unsubscribe(list(filters))
        return self.wait("unsubscribed")

    def publish(self, topic, payload, qos=1, retain=False, **properties):
        """The code of the acknowledgement, and its properties."""
        given = packed(PacketTypes.PUBLISH, properties)
        self.client.publish(topic, payload, qos, retain, given)
        return self.wait("published")

    def message(self):
        return self.wait("message")

    def disconnect(self, code=0, **properties):
        if VERSION == 5:
            reason = ReasonCode(PacketTypes.DISCONNECT, identifier=code)
            self.client.disconnect(reason, packed(PacketTypes.DISCONNECT, properties))
        else:
            self.client.disconnect()
        self.wait("disconnected")
        self.client.loop_stop()

    def lose(self):
        """Ends the connection without a DISCONNECT."""
        self.client.socket().shutdown(socket.SHUT_RDWR)
        self.wait("disconnected")
        self.client.loop_stop()


def options(given):
    """Subscription options, of which the QoS may be all."""
    return given if isinstance(given, SubscribeOptions) else SubscribeOptions(qos=given)


def packed(packet, given):
    """Properties; before 5.0 there are none."""
    if VERSION != 5:
        return None
    properties = Properties(packet)
    for name, value in given.items():
        setattr(properties, name, value)
    return properties


def say(*words):
    print(*words, flush=True)


def numbers(codes):
    return " ".join(str(code) for code in codes)


def described(properties):
    """Each property, by the name that MQTT.js has for it."""
    words = []
    for name in properties.names if properties is not None else []:
        name = name.replace(" ", "")
        if not hasattr(properties, name):
            continue
        value = getattr(properties, name)
        if name == "UserProperty":
            value = " ".join(f"{key}={text}" for key, text in value)
        elif name == "SubscriptionIdentifier":
            value = numbers(value)
        elif isinstance(value, bytes):
            value = value.decode()
        words.append(f" {name[0].lower()}{name[1:]} '{value}'")
    return "".join(sorted(words))


def tell(event, answer):
    """One code or several, and the properties beside them."""
    codes, properties = answer
    code = numbers(codes) if isinstance(codes, list) else codes
    say(f"{event} {code}{described(properties)}")


def show(message):
    payload = message.payload.decode()
    flags = f"qos {message.qos} retain {int(message.retain)} dup {int(message.dup)}"
    properties = described(message.properties) if VERSION == 5 else ""
    say(f"{message.topic} '{payload}' {flags}{properties}")


def watcher(*filters):
    peer = Peer("watcher")
    peer.connect()
    peer.subscribe(*filters)
    return peer


def play(*scenarios):
    """The one that the command line names."""
    {scenario.__name__: scenario for scenario in scenarios}[sys.argv[3]](*sys.argv[4:])
