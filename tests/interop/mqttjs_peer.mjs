// An MQTT.js client whose events are waited for, and how they are shown.

import { createRequire } from 'node:module';

const mqtt = createRequire(`${process.env.MQTTJS}/`)('mqtt');

const [port, version, scenario, ...rest] = process.argv.slice(2);
export const VERSION = Number(version);

/** What a message of 5.0 may have. */
export const PROPERTIES = {
  payloadFormatIndicator: true,
  messageExpiryInterval: 3600,
  contentType: 'text/plain',
  responseTopic: 're/ply',
  correlationData: Buffer.from('xyz'),
  userProperties: { k: ['v', 'w'] },
};

/** A client whose events wait in queues, one for each kind. */
export class Peer {
  constructor(clientId, options = {}) {
    const properties = { ...options.properties };
    if (options.clean === false) properties.sessionExpiryInterval ??= 3600;
    this.options = {
      host: '127.0.0.1', port: Number(port), clientId, reconnectPeriod: 0, keepalive: 60,
      connectTimeout: 120_000, protocolVersion: VERSION,
      protocolId: VERSION === 3 ? 'MQIsdp' : 'MQTT', ...options,
      ...(VERSION === 5 && { properties }),
    };
    this.events = {};
    this.waiting = {};
    this.abbreviated = 0;
  }

  note(kind, event) {
    const waiting = this.waiting[kind]?.shift();
    if (waiting) waiting(event);
    else (this.events[kind] ??= []).push(event);
  }

  wait(kind) {
    const event = this.events[kind]?.shift();
    if (event !== undefined) return event;
    return new Promise((resolve) => (this.waiting[kind] ??= []).push(resolve));
  }

  /** Connects: whether there was a session, or the return code. */
  open() {
    this.client = mqtt.connect(this.options);
    this.client.on('connect', (packet) => this.note('connected', packet));
    this.client.on('error', (error) => this.note('connected', error));
    this.client.on('disconnect', (packet) => { this.farewell = packet; });
    this.client.on('close', () => this.note('disconnected', this.farewell ?? {}));
    this.client.on('message', (topic, payload, packet) => {
      if (packet.topic === '') this.abbreviated += 1;
      this.note('message', { ...packet, topic });
    });
    this.client.on('packetreceive', (packet) => {
      // A message of QoS 2 is taken or refused with its PUBREC.
      if (['puback', 'pubrec', 'suback', 'unsuback'].includes(packet.cmd)) this.note('answer', packet);
      if (packet.cmd === 'connack') this.connack = packet;
    });
    return this.wait('connected');
  }

  /** Connects: whether there was a session. */
  async connect() {
    const packet = await this.open();
    if (packet instanceof Error) throw packet;
    return Number(packet.sessionPresent);
  }

  /** With filters and their QoS, or in 5.0 their options: the codes. */
  async subscribe(...filters) {
    await this.request(filters);
    return (await this.wait('answer')).granted;
  }

  /** The whole answer, in 5.0. */
  async ask(properties, ...filters) {
    await this.request(filters, properties);
    return this.wait('answer');
  }

  async request(filters, properties) {
    const plain = { nl: false, rap: false, rh: 0 };
    const options = (given) => (typeof given === 'number' ? { qos: given, ...plain } : { ...plain, ...given });
    const wanted = Object.fromEntries(filters.map(([filter, given]) => [filter, options(given)]));
    // It takes a refused filter for an error, and asks again only for what it is told to.
    await this.client.subscribeAsync({ ...wanted, resubscribe: true }, { properties }).catch(() => {});
  }

  async unsubscribe(...filters) {
    await this.client.unsubscribeAsync(filters);
    return this.wait('answer');
  }

  /** The answer, where there is one. */
  async publish(topic, payload, qos = 1, retain = false, properties = undefined) {
    await this.client.publishAsync(topic, payload, { qos, retain, properties }).catch(() => {});
    return qos === 0 ? {} : this.wait('answer');
  }

  message() {
    return this.wait('message');
  }

  disconnect(reasonCode = 0, properties = undefined) {
    return this.client.endAsync(false, VERSION === 5 ? { reasonCode, properties } : {});
  }

  /** Ends the connection without a DISCONNECT. */
  async lose() {
    this.client.stream.destroy();
    await this.wait('disconnected');
  }
}

export function say(...words) {
  console.log(...words);
}

/** Each property, by its name. */
export function described(properties) {
  const words = Object.entries(properties ?? {}).map(([name, given]) => {
    if (name === 'userProperties') {
      const pairs = Object.entries(given).flatMap(([key, texts]) => [texts].flat().map((text) => [key, text]));
      return ` userProperty '${pairs.map((pair) => pair.join('=')).join(' ')}'`;
    }
    const value = typeof given === 'boolean' ? Number(given) : [given].flat().join(' ');
    // A name that only MQTT.js has.
    return ` ${name.replace('Identifiers', 'Identifier')} '${value}'`;
  });
  return words.sort().join('');
}

/** One code or several, and the properties beside them. */
export function tell(event, { reasonCode, granted, properties }) {
  // The answer to UNSUBSCRIBE has its codes where the other has the granted levels.
  const code = granted ? granted.join(' ') : reasonCode ?? 0;
  say(`${event} ${code}${described(properties)}`);
}

export function show({ topic, payload, qos, retain, dup, properties }) {
  say(`${topic} '${payload}' qos ${qos} retain ${Number(retain)} dup ${Number(dup)}${described(properties)}`);
}

export async function watcher(...filters) {
  const peer = new Peer('watcher');
  await peer.connect();
  await peer.subscribe(...filters);
  return peer;
}

/** Plays the scenario that the command line names. */
export async function play(scenarios) {
  await scenarios[scenario](...rest);
  // Node waits for connections that are open, so it is told to end; a rejection ends it with status 1.
  process.exit();
}
