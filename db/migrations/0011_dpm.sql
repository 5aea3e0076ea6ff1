-- 0011_dpm - DPM: hosts that it put to sleep, its tasks, plans and recommendations.

ALTER TABLE host ADD COLUMN off_by_dpm boolean NOT NULL DEFAULT false;

ALTER TABLE task DROP CONSTRAINT task_type_words;
ALTER TABLE task ADD CONSTRAINT task_type_words CHECK (type IN (
    'CreateVmTask', 'DeleteVmTask', 'ModifyVmTask', 'StartVmTask', 'StopVmTask', 'RebootVmTask',
    'PauseVmTask', 'ResumeVmTask', 'MigrateVmTask', 'AddHostTask', 'ModifyHostTask',
    'DeleteHostTask', 'MigrateAllVmsTask', 'PowerOnHostTask', 'PowerOffHostTask',
    'CreateClusterTask', 'ApplyDrsRecommendationTask', 'SleepHostTask', 'WakeHostTask',
    'ProveHostWakeTask'));

ALTER TABLE task DROP CONSTRAINT task_origin_words;
ALTER TABLE task ADD CONSTRAINT task_origin_words CHECK (origin IN (
    'user', 'drs', 'maintenance', 'ha', 'dpm'));

ALTER TABLE drs_plan ADD COLUMN kind text NOT NULL DEFAULT 'drs'
    CONSTRAINT drs_plan_kind_words CHECK (kind IN ('drs', 'dpm'));

ALTER TABLE recommendation ADD COLUMN type text NOT NULL DEFAULT 'migrate'
    CONSTRAINT recommendation_type_words CHECK (type IN ('migrate', 'power-on', 'power-off'));
ALTER TABLE recommendation DROP CONSTRAINT recommendation_reason_words;
ALTER TABLE recommendation ADD CONSTRAINT recommendation_reason_words CHECK (reason IN (
    'overload', 'balance-cpu', 'balance-memory', 'rule', 'evacuation', 'underload'));
