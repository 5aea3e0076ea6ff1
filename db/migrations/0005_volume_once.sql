-- 0005_volume_once - a disk file is one volume.
--
-- Two volumes of one path could be attached to two VMs that knew nothing of each other: each wrote
-- over the other's data, and the first to be deleted took the file along.  Shared disks are one
-- volume with several attachments, as before.

-- What such rows there are: a VM keeps its first attachment of a file, the attachments of several
-- VMs become those of one shared volume (the newest), the other rows go.
DELETE FROM vm_disk later USING vm_disk first, volume later_volume, volume first_volume
    WHERE later_volume.id = later.volume_id AND first_volume.id = first.volume_id
    AND first.vm_id = later.vm_id AND first.sequence < later.sequence
    AND later_volume.path = first_volume.path AND first_volume.path <> '';
UPDATE vm_disk SET volume_id = newest.id
    FROM volume, (SELECT path, max(id) AS id FROM volume WHERE path <> '' GROUP BY path) newest
    WHERE volume.id = volume_id AND newest.path = volume.path AND newest.id <> volume.id;
DELETE FROM volume older USING volume newer
    WHERE newer.path = older.path AND newer.id > older.id AND older.path <> '';

CREATE UNIQUE INDEX volume_path_taken ON volume (path) WHERE path <> '';

-- A final task left moves behind as being carried out when the record of one could not be written.
UPDATE recommendation SET state = 'failed', finish_ms = task.finish_ms
    FROM task WHERE task.id = task_id AND state = 'applying'
    AND task.status IN ('success', 'failed');
