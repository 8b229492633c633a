// In the page: subscribers, and what they have seen.
const types = ['message', 'insert', 'update', 'delete', 'truncate', 'heartbeat', 'keepalive', 'reset', 'expired'];
const seen = { messages: [], opens: 0, state: 0, error: null };

function take(type, id, data) {
  seen.messages.push({ type, id, data });
}

/** The browser's own EventSource. At `expired` it gets a new cookie from its site. */
function followWithEventSource(url, options) {
  const source = new EventSource(url, options);
  source.onopen = () => seen.opens++;
  source.onerror = () => (seen.state = source.readyState);
  for (const type of types) source.addEventListener(type, (event) => take(type, event.lastEventId, event.data));
  source.addEventListener('expired', () => fetch('/', { cache: 'no-store' }));
}

async function followWithFetch(url, headers) {
  const { fetchEventSource } = await import('/library/index');
  fetchEventSource(url, {
    headers,
    openWhenHidden: true,
    async onopen({ status }) {
      if (status !== 200) throw new Error(`status ${status}`);
      seen.opens++;
    },
    onmessage: ({ event, id, data, retry }) => {
      if (data !== '' || retry === undefined) take(event, id, data);
    },
    onclose() {
      throw new Error('the stream ended'); // without it the library would not come back
    },
  }).catch((error) => (seen.error = error.message));
}
