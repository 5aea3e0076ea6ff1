-- 0014_session - who is logged in, so that clients work on after a change of the controller.
--
-- The hash of the token only.  Idle time is counted by this server's clock: the controllers' clocks
-- may differ.  used_at lags behind by some seconds, since it is written for many sessions at once.

CREATE TABLE session (
    token_hash  text PRIMARY KEY CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    account_id  bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    used_at     timestamptz NOT NULL
);
CREATE INDEX session_account ON session (account_id, used_at);
CREATE INDEX session_used ON session (used_at);
