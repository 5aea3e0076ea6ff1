-- 0013_ha_policy - what HA does with a host that is cut off, and with each VM.

ALTER TABLE cluster
    ADD COLUMN ha_isolation text NOT NULL DEFAULT 'leaveRunning'
        CONSTRAINT cluster_ha_isolation_words CHECK (ha_isolation IN (
            'leaveRunning', 'shutdown', 'poison')),
    ADD COLUMN ha_max_restarts bigint NOT NULL DEFAULT 3
        CHECK (ha_max_restarts BETWEEN 1 AND 60);

ALTER TABLE vm
    ADD COLUMN restart_priority text NOT NULL DEFAULT 'medium'
        CONSTRAINT vm_restart_priority_words CHECK (restart_priority IN (
            'lowest', 'low', 'medium', 'high', 'highest')),
    -- the VM that must run before this one is started again
    ADD COLUMN start_after_id bigint
        CONSTRAINT vm_start_after_exists REFERENCES vm ON DELETE SET NULL
        CONSTRAINT vm_start_after_other CHECK (start_after_id <> id),
    -- in an hour; 0: what the cluster says
    ADD COLUMN max_restarts bigint NOT NULL DEFAULT 0 CHECK (max_restarts BETWEEN 0 AND 60);
CREATE INDEX vm_start_after ON vm (start_after_id) WHERE start_after_id IS NOT NULL;
