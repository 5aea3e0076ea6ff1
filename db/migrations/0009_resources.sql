-- 0009_resources - the planner's other resources: network, devices, racks, vCPUs for each thread.

ALTER TABLE cluster
    ADD COLUMN vcpus_per_thread bigint NOT NULL DEFAULT 0
        CHECK (vcpus_per_thread BETWEEN 0 AND 1024);

ALTER TABLE host
    -- facts as its agent reported them last
    ADD COLUMN net_mbps bigint NOT NULL DEFAULT 0 CHECK (net_mbps >= 0),
    ADD COLUMN devices  text NOT NULL DEFAULT '',
    -- set by people
    ADD COLUMN rack     text NOT NULL DEFAULT '' CHECK (char_length(rack) <= 256);

-- "NAME:COUNT NAME:COUNT": kinds of devices, which are not objects of ours.
ALTER TABLE vm ADD COLUMN devices text NOT NULL DEFAULT '';

ALTER TABLE drs_rule
    ADD COLUMN fault_domain integer NOT NULL DEFAULT 0 CHECK (fault_domain IN (0, 1)),
    ADD CONSTRAINT rule_domain_fits CHECK (type = 'keep-apart' OR fault_domain = 0);
