-- 0006_imc - what CPU hosts can present, and what VMs see (IMC).
--
-- Words as libvirt names features and models, blanks between them: sets, which only libvirt's
-- names give a meaning.  '' is "not known": hosts and VMs say it when they are heard next.
ALTER TABLE host
    ADD COLUMN cpu_vendor       text NOT NULL DEFAULT '',
    ADD COLUMN cpu_features     text NOT NULL DEFAULT '',
    ADD COLUMN cpu_generations  text NOT NULL DEFAULT '';

-- cpu_model: what the VM was started with, '' its host's own; cpu_seen: what it really got.
ALTER TABLE vm
    ADD COLUMN cpu_model  text NOT NULL DEFAULT '',
    ADD COLUMN cpu_seen   text NOT NULL DEFAULT '';
