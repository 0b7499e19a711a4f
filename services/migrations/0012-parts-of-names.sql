-- Moderators find users by any part of a name (GET /admin/users): the beginnings of 0011 do not serve that.
create index users_username_trigrams on users using gin ((username::text) gin_trgm_ops);
create index users_display_name_trigrams on users using gin (display_name gin_trgm_ops);
