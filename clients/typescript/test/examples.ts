// The documented examples as written, for the compiler: what has a default may be left out, what has none may not.
import { type ForecastPoint, hypercarbon, signIn } from "../src/index.js";

const airflow = "http://localhost:8080";
const client = hypercarbon({ airflow, token: await signIn(airflow, "admin", "admin") });

const status = await client.POST("/api/v1/carbon/status", { body: { zone: "US-CAL-CISO", threshold: 200 } });
export const ahead: ForecastPoint[] | undefined = status.data?.forecast_next_4h;
await client.POST("/api/v1/carbon/status", { body: { zone: "DE" } });

const report = await client.POST("/api/v1/carbon/report", {
  body: {
    job_id: "job-123",
    start_time: "2026-02-04T10:00:00Z",
    end_time: "2026-02-04T12:00:00Z",
    data_size_gb: 500,
    zone: "US-CAL-CISO",
  },
});
export const emitted: number | null | undefined = report.data?.carbon_emissions_kg_co2;

const zones = await client.GET("/api/v1/carbon/zones");
export const names: string[] | undefined = zones.data?.zones.map((zone) => zone.name);

const estimate = await client.POST("/api/v1/carbon/estimate", {
  body: { zone: "US-CAL-CISO", data_size_gb: 500, duration_hours: 2 },
});
export const less: number | undefined = estimate.data?.savings_kg_co2;

await client.GET("/api/v1/reports", { params: { query: { zone: "DE", limit: 10 } } });
await client.GET("/api/v1/forecast", { params: { query: { zone: "DE", duration: "2h" } } });

// @ts-expect-error: a number is a number
await client.POST("/api/v1/carbon/status", { body: { zone: "DE", threshold: "200" } });
// @ts-expect-error: no zone
await client.POST("/api/v1/carbon/status", { body: {} });
