namespace MLPlatform.Tiers;

/// <summary>
/// Counts who is inside something that ends with its last user, so that no descriptor is closed and no memory freed under a call. Begins with one user, the maker.
/// Any thread may call it; a field, never copied.
/// </summary>
internal struct UseCount()
{
    private int _users = 1;

    /// <returns>False: the last user has left.</returns>
    public bool TryEnter()
    {
        int users = Volatile.Read(ref _users);
        while (users > 0)
        {
            int seen = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (seen == users)
            {
                return true;
            }

            users = seen;
        }

        return false;
    }

    /// <returns>True for the last one, who closes.</returns>
    public bool Leave() => Interlocked.Decrement(ref _users) == 0;
}
