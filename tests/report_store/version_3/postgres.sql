CREATE TABLE hypercarbon_answers (
	scope VARCHAR(64) NOT NULL,
	zone VARCHAR(64) NOT NULL,
	question VARCHAR(64) NOT NULL,
	document TEXT NOT NULL,
	saved_at VARCHAR(32) NOT NULL,
	PRIMARY KEY (scope, zone, question)
);

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

CREATE TABLE hypercarbon_ledger (
	position BIGINT NOT NULL,
	operation_id VARCHAR(250) COLLATE "C" NOT NULL,
	revision INTEGER NOT NULL,
	why VARCHAR(64) NOT NULL,
	saved_at VARCHAR(32) COLLATE "C" NOT NULL,
	document TEXT NOT NULL,
	prev_hash VARCHAR(64) NOT NULL,
	hash VARCHAR(64) NOT NULL,
	PRIMARY KEY (position),
	CONSTRAINT uq_hypercarbon_ledger_operation_revision UNIQUE (operation_id, revision),
	CONSTRAINT ck_hypercarbon_ledger_position CHECK (position >= 1),
	CONSTRAINT ck_hypercarbon_ledger_revision CHECK (revision >= 1)
);

CREATE TABLE hypercarbon_ledger_head (
	chain VARCHAR(64) NOT NULL,
	position BIGINT NOT NULL,
	hash VARCHAR(64) NOT NULL,
	PRIMARY KEY (chain)
);

CREATE TABLE hypercarbon_readings (
	zone VARCHAR(64) NOT NULL,
	source VARCHAR(64) NOT NULL,
	signal_kind VARCHAR(64) NOT NULL,
	signal_factors VARCHAR(64) NOT NULL,
	start_at VARCHAR(32) NOT NULL,
	slot_seconds INTEGER NOT NULL,
	gco2eq_per_kwh DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (zone, source, signal_kind, signal_factors, start_at)
);

CREATE TABLE hypercarbon_reports (
	operation_id VARCHAR(250) COLLATE "C" NOT NULL,
	ledger_position BIGINT NOT NULL,
	revision INTEGER NOT NULL,
	dag_id VARCHAR(250) COLLATE "C" NOT NULL,
	run_id VARCHAR(250) COLLATE "C" NOT NULL,
	task_id VARCHAR(250) COLLATE "C" NOT NULL,
	map_index INTEGER NOT NULL,
	try_number INTEGER NOT NULL,
	vm_path VARCHAR(700),
	zone VARCHAR(64) NOT NULL,
	started_at VARCHAR(32) COLLATE "C" NOT NULL,
	ended_at VARCHAR(32) COLLATE "C" NOT NULL,
	scheduled_at VARCHAR(32) COLLATE "C",
	duration_hours DOUBLE PRECISION NOT NULL,
	data_gb DOUBLE PRECISION,
	energy_kwh DOUBLE PRECISION,
	energy_low_kwh DOUBLE PRECISION,
	energy_high_kwh DOUBLE PRECISION,
	energy_model VARCHAR(64) NOT NULL,
	energy_measured BOOLEAN NOT NULL,
	energy_tier VARCHAR(64),
	shiftable_energy_kwh DOUBLE PRECISION,
	network_energy_kwh DOUBLE PRECISION,
	mean_gco2eq_per_kwh DOUBLE PRECISION,
	intensity_coverage DOUBLE PRECISION NOT NULL,
	emissions_kgco2eq DOUBLE PRECISION,
	emissions_low_kgco2eq DOUBLE PRECISION,
	emissions_high_kgco2eq DOUBLE PRECISION,
	scheduled_mean_gco2eq_per_kwh DOUBLE PRECISION,
	difference_to_scheduled_kgco2eq DOUBLE PRECISION,
	difference_to_window_mean_kgco2eq DOUBLE PRECISION,
	difference_to_worst_start_kgco2eq DOUBLE PRECISION,
	scope2_location_kgco2eq DOUBLE PRECISION,
	scope3_upstream_kgco2eq DOUBLE PRECISION,
	retention_energy_kwh DOUBLE PRECISION,
	retention_energy_low_kwh DOUBLE PRECISION,
	retention_energy_high_kwh DOUBLE PRECISION,
	retention_kgco2eq DOUBLE PRECISION,
	embodied_kgco2eq DOUBLE PRECISION,
	embodied_low_kgco2eq DOUBLE PRECISION,
	embodied_high_kgco2eq DOUBLE PRECISION,
	savings_vs_worst_kgco2eq DOUBLE PRECISION,
	source VARCHAR(64),
	signal_kind VARCHAR(64),
	signal_factors VARCHAR(64),
	provisional BOOLEAN NOT NULL,
	synthetic VARCHAR(64),
	start_reason VARCHAR(64),
	saved_at VARCHAR(32) COLLATE "C" NOT NULL,
	software_version VARCHAR(64) NOT NULL,
	PRIMARY KEY (operation_id),
	CONSTRAINT ck_hypercarbon_reports_revision CHECK (revision >= 1),
	CONSTRAINT ck_hypercarbon_reports_ended CHECK (ended_at >= started_at),
	CONSTRAINT ck_hypercarbon_reports_duration CHECK (duration_hours >= 0),
	CONSTRAINT ck_hypercarbon_reports_data CHECK (data_gb >= 0),
	CONSTRAINT ck_hypercarbon_reports_energy CHECK (energy_kwh >= 0),
	CONSTRAINT ck_hypercarbon_reports_emissions CHECK (emissions_kgco2eq >= 0),
	UNIQUE (ledger_position)
);

CREATE TABLE hypercarbon_schema (
	component VARCHAR(64) NOT NULL,
	version INTEGER NOT NULL,
	PRIMARY KEY (component)
);

CREATE TABLE hypercarbon_sums (
	group_id VARCHAR(64) NOT NULL,
	month VARCHAR(7) COLLATE "C" NOT NULL,
	dag_id VARCHAR(250) COLLATE "C" NOT NULL,
	vm_path VARCHAR(700),
	zone VARCHAR(64) NOT NULL,
	source VARCHAR(64),
	signal_kind VARCHAR(64),
	signal_factors VARCHAR(64),
	energy_model VARCHAR(64) NOT NULL,
	energy_measured BOOLEAN NOT NULL,
	energy_tier VARCHAR(64),
	provisional BOOLEAN NOT NULL,
	synthetic VARCHAR(64),
	operations BIGINT NOT NULL,
	duration_hours BIGINT DEFAULT '0' NOT NULL,
	duration_hours_known BIGINT DEFAULT '0' NOT NULL,
	data_gb BIGINT DEFAULT '0' NOT NULL,
	data_gb_known BIGINT DEFAULT '0' NOT NULL,
	energy_kwh BIGINT DEFAULT '0' NOT NULL,
	energy_kwh_known BIGINT DEFAULT '0' NOT NULL,
	energy_low_kwh BIGINT DEFAULT '0' NOT NULL,
	energy_low_kwh_known BIGINT DEFAULT '0' NOT NULL,
	energy_high_kwh BIGINT DEFAULT '0' NOT NULL,
	energy_high_kwh_known BIGINT DEFAULT '0' NOT NULL,
	emissions_kgco2eq BIGINT DEFAULT '0' NOT NULL,
	emissions_kgco2eq_known BIGINT DEFAULT '0' NOT NULL,
	emissions_low_kgco2eq BIGINT DEFAULT '0' NOT NULL,
	emissions_low_kgco2eq_known BIGINT DEFAULT '0' NOT NULL,
	emissions_high_kgco2eq BIGINT DEFAULT '0' NOT NULL,
	emissions_high_kgco2eq_known BIGINT DEFAULT '0' NOT NULL,
	difference_to_scheduled_kgco2eq BIGINT DEFAULT '0' NOT NULL,
	difference_to_scheduled_kgco2eq_known BIGINT DEFAULT '0' NOT NULL,
	savings_vs_worst_kgco2eq BIGINT DEFAULT '0' NOT NULL,
	savings_vs_worst_kgco2eq_known BIGINT DEFAULT '0' NOT NULL,
	shiftable_energy_kwh BIGINT DEFAULT '0' NOT NULL,
	shiftable_energy_kwh_known BIGINT DEFAULT '0' NOT NULL,
	network_energy_kwh BIGINT DEFAULT '0' NOT NULL,
	network_energy_kwh_known BIGINT DEFAULT '0' NOT NULL,
	difference_to_window_mean_kgco2eq BIGINT DEFAULT '0' NOT NULL,
	difference_to_window_mean_kgco2eq_known BIGINT DEFAULT '0' NOT NULL,
	difference_to_worst_start_kgco2eq BIGINT DEFAULT '0' NOT NULL,
	difference_to_worst_start_kgco2eq_known BIGINT DEFAULT '0' NOT NULL,
	scope2_location_kgco2eq BIGINT DEFAULT '0' NOT NULL,
	scope2_location_kgco2eq_known BIGINT DEFAULT '0' NOT NULL,
	scope3_upstream_kgco2eq BIGINT DEFAULT '0' NOT NULL,
	scope3_upstream_kgco2eq_known BIGINT DEFAULT '0' NOT NULL,
	retention_energy_kwh BIGINT DEFAULT '0' NOT NULL,
	retention_energy_kwh_known BIGINT DEFAULT '0' NOT NULL,
	retention_energy_low_kwh BIGINT DEFAULT '0' NOT NULL,
	retention_energy_low_kwh_known BIGINT DEFAULT '0' NOT NULL,
	retention_energy_high_kwh BIGINT DEFAULT '0' NOT NULL,
	retention_energy_high_kwh_known BIGINT DEFAULT '0' NOT NULL,
	retention_kgco2eq BIGINT DEFAULT '0' NOT NULL,
	retention_kgco2eq_known BIGINT DEFAULT '0' NOT NULL,
	embodied_kgco2eq BIGINT DEFAULT '0' NOT NULL,
	embodied_kgco2eq_known BIGINT DEFAULT '0' NOT NULL,
	embodied_low_kgco2eq BIGINT DEFAULT '0' NOT NULL,
	embodied_low_kgco2eq_known BIGINT DEFAULT '0' NOT NULL,
	embodied_high_kgco2eq BIGINT DEFAULT '0' NOT NULL,
	embodied_high_kgco2eq_known BIGINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (group_id)
);

CREATE TABLE hypercarbon_turns (
	scope VARCHAR(64) NOT NULL,
	zone VARCHAR(64) NOT NULL,
	holder VARCHAR(64) NOT NULL,
	held_until DOUBLE PRECISION NOT NULL,
	spent INTEGER NOT NULL,
	period VARCHAR(64) NOT NULL,
	PRIMARY KEY (scope, zone)
);

CREATE INDEX ix_hypercarbon_decisions_decided ON hypercarbon_decisions (decided_at);

CREATE INDEX ix_hypercarbon_decisions_run ON hypercarbon_decisions (dag_id, run_id);

CREATE INDEX ix_hypercarbon_reports_dag_start ON hypercarbon_reports (dag_id, started_at);

CREATE INDEX ix_hypercarbon_reports_provisional_start ON hypercarbon_reports (provisional, started_at);

CREATE INDEX ix_hypercarbon_reports_start ON hypercarbon_reports (started_at, operation_id);

CREATE INDEX ix_hypercarbon_reports_vm_start ON hypercarbon_reports (vm_path, started_at);

CREATE INDEX ix_hypercarbon_reports_zone_start ON hypercarbon_reports (zone, started_at);

CREATE INDEX ix_hypercarbon_sums_month ON hypercarbon_sums (month);

INSERT INTO hypercarbon_ledger_head (chain, position, hash) VALUES ('reports', 0, '0000000000000000000000000000000000000000000000000000000000000000');

INSERT INTO hypercarbon_schema (component, version) VALUES ('reports', 3);
