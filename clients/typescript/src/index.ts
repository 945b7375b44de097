/** Typed client for the REST API of airflow-provider-hypercarbon; the types are generated from its OpenAPI document. */
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, paths };
export type Problem = components["schemas"]["Problem"];
export type ForecastPoint = components["schemas"]["ForecastPoint"];

/** An answer that is no success: the type for programs, the sentence for people, the field that is wrong. */
export class HyperCarbonError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.message);
    this.name = "HyperCarbonError";
  }
}

export interface Options {
  /** Airflow's own address, with the sub-path if there is one: https://airflow.example.com/prod */
  airflow: string;
  /** A token from POST /auth/token. In the browser, leave it out: Airflow's session is used. */
  token?: string;
  fetch?: typeof globalThis.fetch;
}

/** Return a client; each route is a typed path: `client.POST("/api/v1/carbon/status", { body: { zone: "DE" } })`. */
export function hypercarbon(options: Options): Client<paths> {
  const client = createClient<paths>({
    baseUrl: `${options.airflow.replace(/\/+$/, "")}/hypercarbon`,
    ...(options.fetch ? { fetch: options.fetch } : {}),
    ...(options.token ? { headers: { Authorization: `Bearer ${options.token}` } } : {}),
  });
  client.use({
    async onResponse({ response }) {
      if (!response.ok) {
        const said: unknown = await response.clone().json().catch(() => null);
        const problem = said as Problem | null;
        throw new HyperCarbonError(
          response.status,
          problem?.message ? problem : { type: "failed", message: `The server answered ${response.status}.` },
        );
      }
    },
  });
  return client;
}

/** Sign in with a name and a password, where the auth manager takes them, and return a token. */
export async function signIn(airflow: string, username: string, password: string): Promise<string> {
  const answer = await fetch(`${airflow.replace(/\/+$/, "")}/auth/token`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, password }),
  });
  if (!answer.ok) {
    throw new HyperCarbonError(answer.status, { type: "not_signed_in", message: "Airflow refused the sign-in." });
  }
  return ((await answer.json()) as { access_token: string }).access_token;
}
