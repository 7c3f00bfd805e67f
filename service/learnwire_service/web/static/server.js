// Calls to the server that this page came from, in plain JSON.

const PREFIX = "learnwire.v1.";
const WORDS = {
  unauthenticated: "The server asks who you are",
  permission_denied: "You may not do this",
  not_found: "There is no such thing here",
  resource_exhausted: "That is too much at once",
  unavailable: "The server cannot answer now",
  deadline_exceeded: "It took too long",
  internal: "The model or the server failed",
  invalid_argument: "This is not what it takes",
};

// In memory alone: it ends with the page.
let token = "";

/** Show a token with all calls from now on. */
export function useToken(told) {
  token = told.trim();
}

/** Tell whether calls show a token. */
export function hasToken() {
  return token !== "";
}

/** Why a call failed: its code, what to say, and which fields were wrong. */
export class CallError extends Error {
  constructor({ code = "unknown", message = "", details = [] }) {
    super(message);
    this.code = code;
    this.title = WORDS[code] ?? "It failed";
    this.violations = details.flatMap((one) => (one.debug ?? one).fieldViolations ?? []);
  }
}

/** Give the path of a method, such as "PredictionService/Predict", on this server. */
export function pathOf(method) {
  return `/${PREFIX}${method}`;
}

/** Call a method that answers once. */
export async function call(method, message, signal) {
  const answer = await post(method, message, signal);
  return answer.json();
}

/** Call a method that answers with several messages, one after the other. */
export async function* stream(method, message, signal) {
  const answer = await post(method, message, signal);
  for await (const line of linesOf(answer.body)) {
    const told = JSON.parse(line);
    if (told.error) throw new CallError(told.error);
    yield told;
  }
}

async function post(method, message, signal) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(pathOf(method), {
      method: "POST",
      headers,
      body: JSON.stringify(message),
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new CallError({
      code: "unavailable",
      message: "Nothing answers. Does the server still run?",
    });
  }
  if (!answer.ok) throw new CallError(await problemOf(answer));
  return answer;
}

async function problemOf(answer) {
  try {
    return await answer.json();
  } catch {
    return { message: `The answer is HTTP ${answer.status}.` };
  }
}

async function* linesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    yield* lines.filter((one) => one);
  }
  if (rest) yield rest;
}
