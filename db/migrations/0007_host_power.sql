-- 0007_host_power - hosts are switched off and on through their BMC.

ALTER TABLE host
    ADD COLUMN off_since_ms   bigint NOT NULL DEFAULT 0 CHECK (off_since_ms >= 0),
    ADD COLUMN wake_proven_ms bigint NOT NULL DEFAULT 0 CHECK (wake_proven_ms >= 0),
    ADD COLUMN slept_ms       bigint NOT NULL DEFAULT 0 CHECK (slept_ms >= 0);

ALTER TABLE task DROP CONSTRAINT task_type_words;
ALTER TABLE task ADD CONSTRAINT task_type_words CHECK (type IN (
    'CreateVmTask', 'DeleteVmTask', 'ModifyVmTask', 'StartVmTask', 'StopVmTask', 'RebootVmTask',
    'PauseVmTask', 'ResumeVmTask', 'MigrateVmTask', 'AddHostTask', 'ModifyHostTask',
    'DeleteHostTask', 'MigrateAllVmsTask', 'PowerOnHostTask', 'PowerOffHostTask',
    'CreateClusterTask', 'ApplyDrsRecommendationTask'));
