// What MQTT.js sees of MQTT 5.0, line by line: mqttjs_v5.mjs PORT 5 SCENARIO [ARGUMENT...]
//
// The lines are those of paho_v5.py. The folder that MQTT.js is installed in is named by MQTTJS.

import { setTimeout as pause } from 'node:timers/promises';

import { PROPERTIES, Peer, described, play, say, show, tell, watcher } from './mqttjs_peer.mjs';

async function connected(...options) {
  const peer = new Peer(...options);
  await peer.connect();
  return peer;
}

const kept = { clean: false };

/** The payloads of so many messages, in their order. */
async function payloads(peer, count) {
  const list = [];
  while (list.length < count) list.push((await peer.message()).payload);
  say(...list.map(String));
}

const SCENARIOS = {
  async properties() {
    const subscriber = await connected('subscriber');
    const properties = { subscriptionIdentifier: 7, userProperties: { not: 'passed on' } };
    await subscriber.ask(properties, ['p/#', 2]);
    const publisher = await connected('publisher');
    for (const qos of [0, 1, 2]) {
      await publisher.publish(`p/${qos}`, 'all', qos, false, PROPERTIES);
      show(await subscriber.message());
      await publisher.publish(`p/${qos}`, 'none', qos);
      show(await subscriber.message());
    }
    await publisher.publish('p/3', 'kept', 1, true, PROPERTIES);
    await subscriber.message();
    const late = await connected('late');
    await late.ask({ subscriptionIdentifier: 268435455 }, ['p/+', 0]);
    show(await late.message());
  },

  /** Overlapping subscriptions, each with a number of its own. */
  async identifiers() {
    const peer = await connected('peer');
    await peer.ask({ subscriptionIdentifier: 1 }, ['i/+', 1]);
    await peer.ask({ subscriptionIdentifier: 2 }, ['i/a', 2]);
    await peer.ask({}, ['i/#', 0]);
    for (const topic of ['i/a', 'i/b', 'i/b/c']) {
      await peer.publish(topic, 'hi', 2);
      show(await peer.message());
    }
    await peer.ask({ subscriptionIdentifier: 3 }, ['i/+', 1]);
    await peer.unsubscribe('i/a');
    await peer.publish('i/a', 'hi', 2);
    show(await peer.message());
  },

  /** Of all acknowledgements. */
  async codes() {
    const subscriber = await connected('subscriber');
    tell('granted', await subscriber.ask({}, ['a', 0], ['b', 1], ['c', 2], ['secret/a', 1]));
    const publisher = await connected('publisher');
    for (const qos of [1, 2]) {
      for (const topic of ['a', 'nobody', '$SYS/a', 't'.repeat(5000)]) {
        tell(`${qos} ${topic.slice(0, 6)}`, await publisher.publish(topic, 'hi', qos));
      }
      tell(`${qos} large`, await publisher.publish('a', 'x'.repeat(1001), qos));
    }
    tell('unsubscribed', await subscriber.unsubscribe('a', 'x', 'b'));
  },

  /** No reason strings, as they are not asked for. */
  async quiet() {
    const peer = await connected('peer', { properties: { requestProblemInformation: false } });
    tell('granted', await peer.ask({}, ['secret/a', 1]));
    tell('published', await peer.publish('$SYS/a', 'hi', 1));
  },

  async subscribe_options() {
    const peer = await connected('peer');
    const other = await connected('other');
    const noLocal = { qos: 1, nl: true };
    const asPublished = { qos: 1, rap: true };
    await peer.subscribe(['o/foreign', noLocal], ['o/any', 1], ['o/published', asPublished]);
    await peer.publish('o/foreign', 'own');
    await peer.publish('o/any', 'own');
    show(await peer.message());
    await other.publish('o/foreign', "other's");
    show(await peer.message());
    for (const topic of ['o/any', 'o/published']) {
      await other.publish(topic, 'retained', 1, true);
      show(await peer.message());
    }
  },

  async retain_handling() {
    const publisher = await connected('publisher');
    for (const rh of [0, 1, 2]) await publisher.publish(`h/${rh}`, 'kept', 1, true);
    let peer = await connected('peer', kept);
    for (const end of [0, 1]) {
      for (const turn of [0, 1]) {
        for (const rh of [0, 1, 2]) await peer.subscribe([`h/${rh}`, { qos: 1, rh }]);
        await publisher.publish('h/0', `turn ${turn}`);
        let message;
        do {
          message = await peer.message();
          show(message);
        } while (message.retain);
      }
      if (end === 0) {
        // A subscription of the session is not new either.
        await peer.disconnect();
        peer = new Peer('peer', kept);
        say('present', await peer.connect());
      }
    }
  },

  async session_expiry() {
    const publisher = await connected('publisher');
    const leftBehind = async (sessionExpiryInterval, wait, atTheEnd = undefined) => {
      let peer = await connected('peer', { properties: { sessionExpiryInterval } });
      await peer.subscribe(['s', 2]);
      await peer.disconnect(0, atTheEnd === undefined ? {} : { sessionExpiryInterval: atTheEnd });
      await publisher.publish('s', 'kept', 2);
      await pause(wait * 1000);
      // Nor is there one left from the first of these.
      for (const word of ['present', 'then']) {
        peer = new Peer('peer', kept);
        const present = await peer.connect();
        say(word, present);
        if (present) show(await peer.message());
        await peer.disconnect(0, { sessionExpiryInterval: 0 });
      }
    };
    await leftBehind(60, 0);
    await leftBehind(0, 0);
    await leftBehind(1, 3);
    await leftBehind(60, 0, 0);
    await leftBehind(60, 3, 1);
    await leftBehind(1, 3, 60);
  },

  async message_expiry() {
    const publisher = await connected('publisher');
    let peer = await connected('peer', kept);
    await peer.subscribe(['e/#', 1]);
    await peer.disconnect();
    await publisher.publish('e/short', 'gone', 1, true, { messageExpiryInterval: 1 });
    await publisher.publish('e/long', 'waits', 1, true, { messageExpiryInterval: 1000 });
    await publisher.publish('e/none', 'waits', 1, true);
    await pause(3000);
    peer = await connected('peer', kept);
    const late = await connected('late');
    await late.subscribe(['e/#', 1]);
    for (const receiver of [peer, late]) {
      const messages = [await receiver.message(), await receiver.message()];
      messages.sort((a, b) => a.topic.localeCompare(b.topic));
      for (const { topic, payload, retain, properties } of messages) {
        const expiry = properties?.messageExpiryInterval;
        const counted = expiry === undefined ? 'never' : expiry > 900 && expiry <= 998 ? 'later' : expiry;
        say(topic, `'${payload}' retain ${Number(retain)} expires ${counted}`);
      }
    }
    await publisher.publish('e/short', 'last');
    show(await peer.message());
    show(await late.message());
  },

  async wills() {
    const watching = await watcher(['w/#', 2]);
    const mortal = (name, willDelayInterval, clean = false) => {
      const properties = willDelayInterval ? { willDelayInterval, ...PROPERTIES } : PROPERTIES;
      return connected(name, { clean, will: { topic: `w/${name}`, payload: 'gone', qos: 1, properties } });
    };
    await (await mortal('prompt', 0)).lose();
    show(await watching.message());
    await (await mortal('asked', 0)).disconnect(4);
    show(await watching.message());
    await (await mortal('silent', 0)).disconnect();
    // Its session ends before the delay.
    await (await mortal('short', 60, true)).lose();
    show(await watching.message());
    const begun = performance.now();
    await (await mortal('late', 2)).lose();
    await (await mortal('back', 1)).lose();
    await connected('back', kept);
    show(await watching.message());
    say('waited', performance.now() - begun > 1500 ? 'True' : 'False');
    await watching.publish('w/end', 'that was all');
    show(await watching.message());
  },

  async takeover() {
    const first = await connected('same', kept);
    await first.subscribe(['t', 1]);
    const second = new Peer('same', kept);
    say('present', await second.connect());
    tell('disconnected', await first.wait('disconnected'));
    await second.publish('t', 'for the second');
    show(await second.message());
  },

  async assigned() {
    const first = await connected('', { properties: { sessionExpiryInterval: 60 } });
    const second = await connected('');
    const names = [first, second].map((peer) => peer.connack.properties.assignedClientIdentifier);
    const text = (fact) => (fact ? 'True' : 'False');
    const prefix = names[0].slice(0, -1);
    say('begins with auto-', text(prefix.startsWith('auto-')), 'goes on', text(names[1] === `${prefix}2`));
    await first.subscribe(['a', 1]);
    await first.disconnect();
    const back = new Peer(names[0], kept);
    say('present', await back.connect());
    await back.publish('a', 'to the same');
    show(await back.message());
  },

  async request_response() {
    const requester = await connected('requester');
    const responder = await connected('responder');
    await requester.subscribe(['re/ply', 1]);
    await responder.subscribe(['request', 1]);
    for (const number of [0, 1]) {
      const correlationData = Buffer.from(`number ${number}`);
      await requester.publish('request', '?', 1, false, { responseTopic: 're/ply', correlationData });
    }
    for (let turn = 0; turn < 2; turn += 1) {
      const request = await responder.message();
      show(request);
      const { responseTopic, correlationData } = request.properties;
      await responder.publish(responseTopic, '!', 1, false, { correlationData });
    }
    show(await requester.message());
    show(await requester.message());
  },

  /** What CONNACK says. */
  async terms(expiry) {
    const peer = await connected('peer', { properties: { sessionExpiryInterval: Number(expiry) } });
    say(described(peer.connack.properties).trim());
  },

  async aliases_of_the_client() {
    const subscriber = await connected('subscriber');
    await subscriber.subscribe(['al/#', 1]);
    const publisher = await connected('publisher');
    for (const [topic, topicAlias] of [
      ['al/a', 1], ['', 1], ['al/b', 10], ['', 1], ['', 10], ['al/b', 1], ['', 1],
    ]) {
      await publisher.publish(topic, `${topicAlias}`, 1, false, { topicAlias });
      show(await subscriber.message());
    }
  },

  /** It takes the aliases itself. */
  async aliases_by_itself() {
    const subscriber = await connected('subscriber');
    await subscriber.subscribe(['al/#', 1]);
    const publisher = await connected('publisher', { autoAssignTopicAlias: true });
    let abbreviated = 0;
    publisher.client.on('packetsend', ({ topic }) => { if (topic === '') abbreviated += 1; });
    for (let number = 0; number < 24; number += 1) {
      await publisher.publish(`al/${number % 12}`, 'once');
      await publisher.publish(`al/${number % 12}`, 'again');
      say((await subscriber.message()).topic, (await subscriber.message()).topic);
    }
    say('abbreviated', abbreviated);
  },

  async aliases_of_the_server() {
    const subscriber = await connected('subscriber', { properties: { topicAliasMaximum: 2 } });
    await subscriber.subscribe(['al/#', 1]);
    const publisher = await connected('publisher');
    for (const topic of ['al/a', 'al/b', 'al/a', 'al/b', 'al/a']) {
      await publisher.publish(topic, 'hi');
      say((await subscriber.message()).topic);
    }
    say('abbreviated', subscriber.abbreviated);
  },

  /** Messages that waited, a few at a time: one more would be an error here. */
  async receive_maximum() {
    let peer = await connected('peer', kept);
    await peer.subscribe(['m', 2]);
    await peer.disconnect();
    const publisher = await connected('publisher');
    for (let number = 0; number < 12; number += 1) await publisher.publish('m', `${number}`, 2);
    peer = await connected('peer', { ...kept, properties: { receiveMaximum: 2 } });
    await payloads(peer, 12);
  },

  async maximum_packet_size() {
    const peer = await connected('peer', { properties: { maximumPacketSize: 100 } });
    await peer.subscribe(['m', 2]);
    const publisher = await connected('publisher');
    for (const payload of ['before', 'x'.repeat(100), 'after']) await publisher.publish('m', payload, 2);
    show(await peer.message());
    show(await peer.message());
  },

  async shared() {
    const first = await connected('first');
    const second = await connected('second');
    for (const peer of [first, second]) await peer.subscribe(['$share/group/s/+', 1]);
    const other = await connected('other');
    await other.subscribe(['$share/other/s/#', 1]);
    const publisher = await connected('publisher');
    for (let number = 0; number < 6; number += 1) await publisher.publish('s/t', `${number}`);
    for (const [peer, count] of [[first, 3], [second, 3], [other, 6]]) await payloads(peer, count);
    await first.disconnect();
    for (const number of [6, 7]) await publisher.publish('s/t', `${number}`);
    await payloads(second, 2);
  },

  /** What it has not acknowledged goes to another. */
  async lost_member() {
    const first = await connected('first', kept);
    const second = await connected('second');
    first.client.handleMessage = () => {};
    for (const peer of [first, second]) await peer.subscribe(['$share/group/s', 1]);
    const publisher = await connected('publisher');
    for (let number = 0; number < 4; number += 1) await publisher.publish('s', `${number}`);
    // It takes one at a time, so the second of its own is not read.
    show(await first.message());
    for (let count = 0; count < 2; count += 1) show(await second.message());
    await first.lose();
    for (let count = 0; count < 2; count += 1) show(await second.message());
  },

  async method() {
    const authenticationData = Buffer.from('n,,n=user');
    const properties = { authenticationMethod: 'SCRAM-SHA-1', authenticationData };
    const peer = new Peer('peer', { properties });
    await peer.open();
    tell('return code', peer.connack);
  },

  /** What a server that does without takes for a fault. */
  async faults(...chosen) {
    const plain = { qos: 0, nl: false, rap: false, rh: 0 };
    const numbered = { subscriptionIdentifier: 1 };
    const every = {
      // Before the first answer is read.
      receive: ({ client }) => [1, 2, 3].forEach(() => client.publish('t', 'hi', { qos: 2 })),
      qos: ({ client }) => client.publish('t', 'hi', { qos: 2 }),
      retain: ({ client }) => client.publish('t', 'hi', { retain: true }),
      size: ({ client }) => client.publish('t', 'x'.repeat(40_000_000)),
      wildcard: ({ client }) => client.subscribe({ 't/+': plain }),
      shared: ({ client }) => client.subscribe({ '$share/g/t': plain }),
      identifier: ({ client }) => client.subscribe({ t: plain }, { properties: numbered }),
    };
    for (const name of chosen) {
      const peer = await connected('peer');
      every[name](peer);
      tell(name, await peer.wait('disconnected'));
    }
  },

  /** MQTT.js keeps to the keep alive that the server sets. */
  async idle() {
    const peer = await connected('peer');
    say(described(peer.connack.properties).trim());
    await Promise.race([peer.wait('disconnected'), pause(5000)]);
    say('connected', peer.client.connected);
  },
};

await play(SCENARIOS);
