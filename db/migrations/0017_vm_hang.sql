-- 0017_vm_hang - how soon a guest without any sign of life is said to hang.

ALTER TABLE vm
    ADD COLUMN hang_sensitivity text NOT NULL DEFAULT 'medium'
        CONSTRAINT vm_hang_sensitivity_words CHECK (hang_sensitivity IN (
            'low', 'medium', 'high'));
