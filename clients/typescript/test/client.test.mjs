// Against a running Airflow: AIRFLOW_URL and AIRFLOW_TOKEN name it; tests/clients/test_typescript.py starts one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HyperCarbonError, hypercarbon } from "../dist/index.js";

const airflow = process.env.AIRFLOW_URL;
const client = hypercarbon({ airflow, token: process.env.AIRFLOW_TOKEN });

test("status: a grid now, with one forecast shape", async () => {
  const { data } = await client.POST("/api/v1/carbon/status", { body: { zone: "US-CAL-CISO", threshold: 200 } });
  assert.equal(data.zone, "US-CAL-CISO");
  assert.deepEqual(Object.keys(data.forecast_next_4h[0]).sort(), ["intensity", "quality", "time"]);
});

test("report: the documents' example by HyperSDK's formula", async () => {
  const end = new Date(Math.floor(Date.now() / 3.6e6) * 3.6e6);
  const start = new Date(end.getTime() - 2 * 3.6e6);
  const { data } = await client.POST("/api/v1/carbon/report", {
    body: {
      job_id: "job-123",
      start_time: start.toISOString(),
      end_time: end.toISOString(),
      data_size_gb: 500,
      zone: "US-CAL-CISO",
      energy_model: "hypersdk",
    },
  });
  assert.equal(data.energy_kwh, 0.25);
  assert.ok(Math.abs(data.carbon_emissions_kg_co2 - (0.25 * data.carbon_intensity_gco2_kwh) / 1000) < 1e-9);
});

test("zones: those of the source", async () => {
  const { data } = await client.GET("/api/v1/carbon/zones");
  assert.equal(data.total, data.zones.length);
  assert.ok(data.zones.some((zone) => zone.id === "US-CAL-CISO"));
});

test("estimate: now against the best start", async () => {
  const { data } = await client.POST("/api/v1/carbon/estimate", {
    body: { zone: "US-CAL-CISO", data_size_gb: 500, duration_hours: 2 },
  });
  assert.ok(data.best_intensity_gco2_kwh <= data.current_intensity_gco2_kwh);
  assert.ok(Math.abs(data.savings_kg_co2 - (data.current_emissions_kg_co2 - data.best_emissions_kg_co2)) < 1e-9);
});

test("an error is a type, a sentence and a field", async () => {
  await assert.rejects(client.POST("/api/v1/carbon/status", { body: { zone: "XX-NOWHERE" } }), (error) => {
    assert.ok(error instanceof HyperCarbonError);
    assert.equal(error.problem.type, "unknown_zone");
    assert.equal(error.problem.field, "zone");
    return true;
  });
  const stranger = hypercarbon({ airflow, token: "forged" });
  await assert.rejects(stranger.GET("/api/v1/carbon/zones"), { status: 403 });
});
