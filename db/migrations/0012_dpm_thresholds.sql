-- 0012_dpm_thresholds - a cluster's own thresholds of DPM's levels: "5:40:70 9:50:90".

ALTER TABLE cluster ADD COLUMN dpm_thresholds text NOT NULL DEFAULT ''
    CHECK (dpm_thresholds ~ '^([1-9]:[0-9]{1,2}:[0-9]{1,3}( [1-9]:[0-9]{1,2}:[0-9]{1,3})*)?$');
