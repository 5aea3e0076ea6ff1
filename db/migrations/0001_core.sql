-- 0001_core - who may write: leadership, and the marks that settle commits with a lost answer.
--
-- Conventions of every migration: ids are bigint > 0; "none" is NULL; texts are never NULL; times
-- are Unix milliseconds and end in _ms; words in CHECK lists are those of common/model/state.h and
-- their constraints end in _words (a test compares them).

-- One row: the newest leader that took over this database.  Only prove_epoch and the take-over
-- statement of db/db.c use it, under the advisory lock (8675, 1).
CREATE TABLE leadership (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch     bigint NOT NULL CHECK (epoch >= 0),
    holder    text NOT NULL,
    since_ms  bigint NOT NULL
);
INSERT INTO leadership (epoch, holder, since_ms) VALUES (0, '', 0);

-- One row per database connection of a controller: the number of its last committed write.  When
-- the answer to COMMIT is lost, this row tells whether the commit happened.
CREATE TABLE write_mark (
    client   uuid PRIMARY KEY,
    seq      bigint NOT NULL,
    used_ms  bigint NOT NULL
);

-- First statement of each write transaction.  Holds off a take-over until the transaction ends and
-- refuses a deposed leader (SQLSTATE VR001).  Each statement in here sees what was committed before
-- it began (READ COMMITTED), so the epoch is read after the lock was granted.
CREATE FUNCTION prove_epoch(my_epoch bigint, my_client uuid, my_seq bigint, now_ms bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    newest bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8675, 1);
    SELECT epoch INTO STRICT newest FROM leadership;
    IF newest <> my_epoch THEN
        RAISE EXCEPTION 'epoch % is not the leader''s epoch %', my_epoch, newest
            USING ERRCODE = 'VR001';
    END IF;
    INSERT INTO write_mark AS mark (client, seq, used_ms) VALUES (my_client, my_seq, now_ms)
        ON CONFLICT (client) DO UPDATE SET seq = excluded.seq, used_ms = excluded.used_ms;
END
$$;
