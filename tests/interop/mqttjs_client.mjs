// What MQTT.js sees of a server, line by line: mqttjs_client.mjs PORT VERSION SCENARIO [ARGUMENT...]
//
// VERSION is 3 for MQTT 3.1, 4 for 3.1.1, 5 for 5.0. The lines are those of paho_client.py.
// The folder that MQTT.js is installed in is named by MQTTJS.

import { createHash } from 'node:crypto';

import { PROPERTIES, VERSION, Peer, play, say, show, tell, watcher } from './mqttjs_peer.mjs';

const LARGE = Buffer.alloc(1 << 20, Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));

function summarise({ qos, payload }) {
  say(qos, payload.length, createHash('sha256').update(payload).digest('hex'));
}

const SCENARIOS = {
  async exchange() {
    const publisher = new Peer('publisher');
    await publisher.connect();
    for (const wanted of [0, 1, 2]) {
      const subscriber = new Peer('subscriber');
      await subscriber.connect();
      say('granted', ...(await subscriber.subscribe(['t/+', wanted])));
      for (const qos of [0, 1, 2]) {
        await publisher.publish('t/é', `${qos} ${wanted}`, qos);
        show(await subscriber.message());
      }
      await subscriber.disconnect();
    }
  },

  /** Overlapping subscriptions, one that is denied, one that is given up. */
  async filters() {
    const subscriber = new Peer('subscriber');
    await subscriber.connect();
    const wanted = [['f/+', 0], ['f/#', 2], ['f/a', 1], ['secret/#', 1], ['#', 0]];
    say('granted', ...(await subscriber.subscribe(...wanted)));
    await subscriber.publish('f/a', 'once', 2);
    show(await subscriber.message());
    await subscriber.publish('secret/a', 'never', 2);
    await subscriber.publish('$own', 'never', 2);
    await subscriber.unsubscribe('f/#');
    await subscriber.publish('f/a', 'lower', 2);
    show(await subscriber.message());
    await subscriber.unsubscribe('f/a');
    await subscriber.unsubscribe('#');
    await subscriber.publish('f/a/b', 'never', 2);
    await subscriber.publish('f/a', 'lowest', 2);
    show(await subscriber.message());
  },

  async retained() {
    const peer = new Peer('peer');
    await peer.connect();
    await peer.publish('r/1', 'kept', 1, true);
    await peer.publish('r/2', 'other', 2, true);
    await peer.publish('r/1', '', 1);
    await peer.subscribe(['r/+', 2]);
    const both = [await peer.message(), await peer.message()];
    both.sort((a, b) => a.topic.localeCompare(b.topic)).forEach(show);
    for (const payload of ['new', '']) {
      await peer.publish('r/1', payload, 1, true);
      show(await peer.message());
    }
    await peer.subscribe(['r/#', 1]);
    show(await peer.message());
    await peer.publish('r/2', '', 1, true);
    show(await peer.message());
    await peer.subscribe(['r/#', 1]);
    await peer.publish('r/end', 'end', 1);
    show(await peer.message());
  },

  async will() {
    const watching = await watcher(['w/#', 2]);
    for (const qos of [0, 1, 2]) {
      const will = { topic: `w/${qos}`, payload: `gone ${qos}`, qos, retain: qos === 2 };
      const mortal = new Peer('mortal', { will });
      await mortal.connect();
      await mortal.lose();
      show(await watching.message());
    }
    for (const ended of ['unseen', 'cleared']) {
      const will = { topic: 'w/2', payload: 'not said', qos: 1, retain: true };
      const mortal = new Peer('mortal', { will });
      await mortal.connect();
      await mortal.disconnect();
      const clears = ended === 'cleared';
      await watching.publish('w/2', clears ? '' : ended, 1, clears);
      const late = new Peer('late');
      await late.connect();
      await late.subscribe(['w/#', 1]);
      await late.publish('w/end', ended);
      show(await watching.message());
      show(await watching.message());
      const message = await late.message();
      show(message);
      if (message.retain) show(await late.message());
      await late.disconnect();
    }
  },

  async keep_alive() {
    const watching = await watcher(['w', 1]);
    const options = { keepalive: 4, will: { topic: 'w', payload: 'lively', qos: 1 } };
    const lively = new Peer('lively', options);
    await lively.connect();
    options.will.payload = 'silent';
    const silent = new Peer('silent', options);
    await silent.connect();
    // It sends no PINGREQ any more.
    silent.client.sendPing = () => {};
    show(await watching.message());
    await lively.publish('w', 'still there');
    show(await watching.message());
  },

  async session() {
    const publisher = new Peer('publisher');
    await publisher.connect();
    let subscriber = new Peer('subscriber', { clean: false });
    say('present', await subscriber.connect());
    await subscriber.subscribe(['s/1', 1], ['s/2', 2]);
    for (const end of ['disconnect', 'lose']) {
      await subscriber[end]();
      for (let number = 1; number <= 6; number += 1) {
        const which = 1 + (number % 2);
        await publisher.publish(`s/${which}`, `${number}`, which);
      }
      subscriber = new Peer('subscriber', { clean: false });
      say('present', await subscriber.connect());
      // QoS 1 may overtake QoS 2, which a client has once it is released.
      const messages = [];
      while (messages.length < 6) messages.push(await subscriber.message());
      messages.sort((a, b) => a.topic.localeCompare(b.topic)).forEach(show);
    }
    await subscriber.disconnect();
    await publisher.publish('s/2', 'discarded', 2);
    for (const clean of [true, false]) {
      subscriber = new Peer('subscriber', { clean });
      say('present', await subscriber.connect());
      await subscriber.publish('s/2', 'unheard', 2);
      await subscriber.subscribe(['end', 2]);
      await subscriber.publish('end', 'heard', 2);
      show(await subscriber.message());
      await subscriber.disconnect();
    }
  },

  async takeover() {
    const watching = await watcher(['w', 2]);
    const will = { topic: 'w', payload: 'taken over', qos: 1 };
    const first = new Peer('same', { clean: false, will });
    say('present', await first.connect());
    await first.subscribe(['t', 1]);
    const second = new Peer('same', { clean: false });
    say('present', await second.connect());
    await first.wait('disconnected');
    say('first is disconnected');
    show(await watching.message());
    await watching.publish('t', 'for the second');
    show(await second.message());
    const third = new Peer('same', { clean: true });
    say('present', await third.connect());
    await second.wait('disconnected');
    say('second is disconnected');
    await watching.publish('t', 'for nobody');
    await third.subscribe(['t', 1]);
    await watching.publish('t', 'for the third');
    show(await third.message());
  },

  async large() {
    const peer = new Peer('peer');
    await peer.connect();
    await peer.subscribe(['large', 2]);
    for (const qos of [0, 1, 2]) {
      await peer.publish('large', LARGE, qos);
      summarise(await peer.message());
    }
    await peer.publish('large', LARGE, 1, true);
    await peer.message();
    const late = new Peer('late');
    await late.connect();
    await late.subscribe(['large', 0]);
    summarise(await late.message());
  },

  async refused(username, password) {
    const peer = new Peer('peer', { username, password });
    say('return code', (await peer.open()).code ?? 0);
  },

  async subscribe(qos, filter, count) {
    const peer = new Peer(`mqttjs-${VERSION}`);
    await peer.connect();
    say('granted', ...(await peer.subscribe([filter, Number(qos)])));
    for (let left = Number(count); left > 0; left -= 1) show(await peer.message());
    await peer.disconnect();
  },

  async publish(qos, topic, payload) {
    const peer = new Peer('mqttjs-publisher');
    await peer.connect();
    await peer.publish(topic, payload, Number(qos), false, VERSION === 5 ? PROPERTIES : undefined);
    await peer.disconnect();
  },

  async until_closed() {
    const peer = new Peer(`mqttjs-${VERSION}`);
    await peer.connect();
    say('connected');
    const farewell = await peer.wait('disconnected');
    if (VERSION === 5) tell('disconnected', farewell);
    else say('disconnected');
  },
};

await play(SCENARIOS);
