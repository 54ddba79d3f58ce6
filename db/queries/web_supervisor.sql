-- What a supervisor sees of the users.

-- name: users
-- Log-ins and trading accounts together, by name: after a name, at most so many, those whose name has the text in it (any case).
-- Each table gives its first names by its primary key, so a page costs a page unless the text is rare.
SELECT username, l.role, l.created_ms, l.last_login_ms, coalesce(l.disabled, false), a.cash_cents, a.reserved_cents
FROM (
    (
        SELECT username FROM login
        WHERE username > %(after)s AND position(%(search)s IN lower(username)) > 0
        ORDER BY username LIMIT %(most)s
    )
    UNION
    (
        SELECT username FROM account
        WHERE username > %(after)s AND position(%(search)s IN lower(username)) > 0
        ORDER BY username LIMIT %(most)s
    )
    ORDER BY username LIMIT %(most)s
) AS name
LEFT JOIN login AS l USING (username)
LEFT JOIN account AS a USING (username)
ORDER BY username;

-- name: user
-- One of them, who can log in.
SELECT username, l.role, l.created_ms, l.last_login_ms, l.disabled, a.cash_cents, a.reserved_cents
FROM login AS l LEFT JOIN account AS a USING (username)
WHERE username = %(user)s;
