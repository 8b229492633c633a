// A service that pulls: asks for JSON, works off what it gets, stores `next`, and asks again.
import { request } from './sse.mjs';

const json = { Accept: 'application/json' };

/** One pull of PATH with PARAMETERS: {status, headers, body, answer}; ANSWER is the parsed body, if it is JSON. */
export async function pull(walpiper, path, parameters = {}, headers = {}) {
  const query = new URLSearchParams(parameters).toString();
  const separator = path.includes('?') ? '&' : '?';
  const url = walpiper.base + path + (query && separator + query);
  const response = await request(url, { headers: { ...json, ...headers } });
  const isJson = response.headers['content-type'] === 'application/json';
  return { ...response, answer: isJson ? JSON.parse(response.body) : undefined };
}

/** The same, where only 200 will do: the answer. */
export async function pulled(walpiper, path, parameters, headers) {
  const { status, body, answer } = await pull(walpiper, path, parameters, headers);
  if (status !== 200) throw new Error(`${path}: ${status} ${body}`);
  return answer;
}

/** Pulls from AFTER on until there is no more: {events, next, answers}. */
export async function pullAll(walpiper, path, { after, headers, ...parameters }) {
  const events = [];
  let answers = 0;
  for (let next = after; ; answers++) {
    const answer = await pulled(walpiper, path, { after: next, ...parameters }, headers);
    events.push(...answer.events);
    next = answer.next;
    if (!answer.more) return { events, next, answers: answers + 1 };
  }
}
