// Waiting for conditions. Nothing here waits for time to pass: each wait ends as soon as its
// condition holds, and fails at its deadline with a sentence that says what did not happen.
import { setTimeout as sleep } from 'node:timers/promises';

/** Polls CONDITION (may be async) until it gives something true, and returns that. */
export async function until(what, condition, { timeout = 30_000, interval = 20 } = {}) {
  const deadline = Date.now() + timeout;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`after ${timeout} ms still not: ${what}`);
    await sleep(interval);
  }
}

/** PROMISE, or an error after TIMEOUT milliseconds that says WHAT did not end. */
export async function within(what, timeout, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${timeout} ms still not done: ${what}`)), timeout);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export { sleep };
