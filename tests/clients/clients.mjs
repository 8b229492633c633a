// The client libraries that people read event streams with, each behind the same few words:
//
//     const client = clients.undici(url, { headers });
//     client.messages    // [{type, id, data}] in the order in which they came
//     client.opens       // how often it was connected
//     client.gaveUp      // why it will not come back by itself, or null
//     client.close()
import { fetchEventSource } from '@microsoft/fetch-event-source';
import { EventSource } from 'eventsource';
import launchDarkly from 'launchdarkly-eventsource';
import { Agent, EventSource as UndiciEventSource } from 'undici';

/** All types that walpiper's streams have in these tests: an EventSource hears only what it asks for. */
export const types = ['message', 'insert', 'update', 'delete', 'truncate', 'heartbeat', 'keepalive', 'reset', 'expired'];
const signsOfLife = new Set(['heartbeat', 'keepalive']);

class Client {
  constructor() {
    Object.assign(this, { messages: [], opens: 0, gaveUp: null, close: () => {} });
  }

  take(type, id, data) {
    this.messages.push({ type, id, data });
  }

  /** Without signs of life. */
  get events() {
    return this.messages.filter(({ type }) => !signsOfLife.has(type));
  }

  count(type) {
    return this.messages.filter((message) => message.type === type).length;
  }
}

/** SOURCE has the interface of a browser's EventSource. */
function follow(source, client = new Client()) {
  client.close = () => source.close();
  source.addEventListener('open', () => client.opens++);
  source.addEventListener('error', () => {
    if (source.readyState === 2) client.gaveUp = 'it closed itself';
  });
  for (const type of types) source.addEventListener(type, (event) => client.take(type, event.lastEventId, event.data));
  return client;
}

function eventsource(url, { headers = {} } = {}) {
  const withHeaders = (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } });
  return follow(new EventSource(url, { fetch: withHeaders }));
}

function undici(url, { headers = {} } = {}) {
  const withHeaders = (dispatch) => (options, handler) =>
    dispatch({ ...options, headers: { ...options.headers, ...headers } }, handler);
  const agent = new Agent();
  const client = follow(new UndiciEventSource(url, { dispatcher: agent.compose(withHeaders) }));
  const { close } = client;
  client.close = () => {
    close();
    agent.destroy();
  };
  return client;
}

/** To it the end of a stream is the end of all, unless onclose throws; and a frame that only says
 *  retry: is a message without data. */
function fetchEventSourceClient(url, { headers = {} } = {}) {
  const client = new Client();
  const stop = new AbortController();
  client.close = () => stop.abort();
  globalThis.window ??= globalThis; // it was written for pages
  globalThis.document ??= { removeEventListener() {} };
  fetchEventSource(url, {
    headers,
    signal: stop.signal,
    openWhenHidden: true,
    async onopen(response) {
      if (response.status !== 200) throw Object.assign(new Error(`status ${response.status}`), { isFinal: true });
      client.opens++;
    },
    onmessage: ({ event, id, data, retry }) => {
      if (data !== '' || retry === undefined) client.take(event || 'message', id, data);
    },
    onclose() {
      throw new Error('the stream ended');
    },
    onerror(error) {
      if (error.isFinal) throw error; // else it comes back after the time of retry:
    },
  }).catch((error) => (client.gaveUp = error.message));
  return client;
}

/** Without a time of its own it takes the one that Node's agent has for idle connections since version
 *  19, and leaves a stream that is silent for 5 s: less than http.heartbeat. */
const launchDarklyClient = (url, { headers = {} } = {}) =>
  follow(new launchDarkly.EventSource(url, { headers, readTimeoutMillis: 30_000 }));

/** By their names at npm. */
export const clients = {
  eventsource,
  undici,
  '@microsoft/fetch-event-source': fetchEventSourceClient,
  'launchdarkly-eventsource': launchDarklyClient,
};
