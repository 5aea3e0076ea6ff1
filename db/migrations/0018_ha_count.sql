-- 0018_ha_count - what HA counts, for the controller that goes on: how often a VM was brought back in
-- place lately, and how often a dead host was switched on again.

CREATE TABLE ha_restart (
    vm_id  bigint NOT NULL REFERENCES vm ON DELETE CASCADE,
    at_ms  bigint NOT NULL
);
CREATE INDEX ha_restart_at ON ha_restart (at_ms);
CREATE INDEX ha_restart_vm ON ha_restart (vm_id);

CREATE TABLE ha_power_on (
    host_id  bigint PRIMARY KEY REFERENCES host ON DELETE CASCADE,
    tries    bigint NOT NULL CHECK (tries > 0),
    at_ms    bigint NOT NULL
);
