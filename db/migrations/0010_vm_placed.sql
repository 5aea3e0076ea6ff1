-- 0010_vm_placed - why a VM is on its host, kept with the VM: it outlives the history of tasks.
ALTER TABLE vm
    ADD COLUMN placed_why      text NOT NULL DEFAULT '',
    ADD COLUMN placed_ms       bigint NOT NULL DEFAULT 0 CHECK (placed_ms >= 0),
    ADD COLUMN placed_task_id  bigint NOT NULL DEFAULT 0 CHECK (placed_task_id >= 0);
