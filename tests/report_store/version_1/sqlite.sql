CREATE TABLE hypercarbon_decisions (
	decision_id VARCHAR(64) NOT NULL,
	dag_id VARCHAR(250) NOT NULL,
	run_id VARCHAR(250) NOT NULL,
	task_id VARCHAR(250) NOT NULL,
	map_index INTEGER NOT NULL,
	decided_at VARCHAR(32) NOT NULL,
	zone VARCHAR(64) NOT NULL,
	reason VARCHAR(64) NOT NULL,
	due BOOLEAN NOT NULL,
	document TEXT NOT NULL,
	PRIMARY KEY (decision_id)
);

CREATE TABLE hypercarbon_forecasts (
	zone VARCHAR(64) NOT NULL,
	source VARCHAR(64) NOT NULL,
	signal_kind VARCHAR(64) NOT NULL,
	signal_factors VARCHAR(64) NOT NULL,
	issued_at VARCHAR(32) NOT NULL,
	start_at VARCHAR(32) NOT NULL,
	slot_seconds INTEGER NOT NULL,
	document TEXT NOT NULL,
	PRIMARY KEY (zone, source, signal_kind, signal_factors, issued_at)
);

CREATE TABLE hypercarbon_readings (
	zone VARCHAR(64) NOT NULL,
	source VARCHAR(64) NOT NULL,
	signal_kind VARCHAR(64) NOT NULL,
	signal_factors VARCHAR(64) NOT NULL,
	start_at VARCHAR(32) NOT NULL,
	slot_seconds INTEGER NOT NULL,
	gco2eq_per_kwh DOUBLE NOT NULL,
	PRIMARY KEY (zone, source, signal_kind, signal_factors, start_at)
);

CREATE TABLE hypercarbon_reports (
	operation_id VARCHAR(250) NOT NULL,
	dag_id VARCHAR(250) NOT NULL,
	run_id VARCHAR(250) NOT NULL,
	task_id VARCHAR(250) NOT NULL,
	map_index INTEGER NOT NULL,
	try_number INTEGER NOT NULL,
	vm_path VARCHAR(700),
	zone VARCHAR(64) NOT NULL,
	started_at VARCHAR(32) NOT NULL,
	ended_at VARCHAR(32) NOT NULL,
	scheduled_at VARCHAR(32),
	duration_hours DOUBLE NOT NULL,
	data_gb DOUBLE,
	energy_kwh DOUBLE,
	energy_low_kwh DOUBLE,
	energy_high_kwh DOUBLE,
	energy_model VARCHAR(64) NOT NULL,
	energy_measured BOOLEAN NOT NULL,
	mean_gco2eq_per_kwh DOUBLE,
	intensity_coverage DOUBLE NOT NULL,
	emissions_kgco2eq DOUBLE,
	emissions_low_kgco2eq DOUBLE,
	emissions_high_kgco2eq DOUBLE,
	scheduled_mean_gco2eq_per_kwh DOUBLE,
	difference_to_scheduled_kgco2eq DOUBLE,
	savings_vs_worst_kgco2eq DOUBLE,
	source VARCHAR(64),
	signal_kind VARCHAR(64),
	signal_factors VARCHAR(64),
	provisional BOOLEAN NOT NULL,
	synthetic VARCHAR(64),
	start_reason VARCHAR(64),
	document TEXT NOT NULL,
	saved_at VARCHAR(32) NOT NULL,
	software_version VARCHAR(64) NOT NULL,
	PRIMARY KEY (operation_id)
);

CREATE TABLE hypercarbon_schema (
	component VARCHAR(64) NOT NULL,
	version INTEGER NOT NULL,
	PRIMARY KEY (component)
);

CREATE INDEX ix_hypercarbon_decisions_decided ON hypercarbon_decisions (decided_at);

CREATE INDEX ix_hypercarbon_decisions_run ON hypercarbon_decisions (dag_id, run_id);

CREATE INDEX ix_hypercarbon_reports_dag_started ON hypercarbon_reports (dag_id, started_at);

CREATE INDEX ix_hypercarbon_reports_started ON hypercarbon_reports (started_at);

CREATE INDEX ix_hypercarbon_reports_vm_started ON hypercarbon_reports (vm_path, started_at);

CREATE INDEX ix_hypercarbon_reports_zone_started ON hypercarbon_reports (zone, started_at);

INSERT INTO hypercarbon_schema (component, version) VALUES ('reports', 1);
