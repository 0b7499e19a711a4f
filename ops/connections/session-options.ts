/**
 * Start-up options of every session of ours. They stand above what the role or the database says: a COMMIT that was
 * answered is on disk, because the journal is trimmed behind it and clients were told that it is done.
 */
export const sessionOptions = '-c synchronous_commit=on';
