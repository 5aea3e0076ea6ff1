-- 0016_host_reboot - the task that reboots a host.

ALTER TABLE task DROP CONSTRAINT task_type_words;
ALTER TABLE task ADD CONSTRAINT task_type_words CHECK (type IN (
    'CreateVmTask', 'DeleteVmTask', 'ModifyVmTask', 'StartVmTask', 'StopVmTask', 'RebootVmTask',
    'PauseVmTask', 'ResumeVmTask', 'MigrateVmTask', 'AddHostTask', 'ModifyHostTask',
    'DeleteHostTask', 'MigrateAllVmsTask', 'PowerOnHostTask', 'PowerOffHostTask',
    'CreateClusterTask', 'ApplyDrsRecommendationTask', 'SleepHostTask', 'WakeHostTask',
    'ProveHostWakeTask', 'RebootHostTask'));
