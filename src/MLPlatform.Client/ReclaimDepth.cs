namespace MLPlatform.Client;

/// <summary>What may be dropped for somebody who needs memory; each includes those before it.</summary>
internal enum ReclaimDepth
{
    /// <summary>Parts wholly read.</summary>
    Consumed,

    /// <summary>Parts that nobody has touched for some seconds.</summary>
    Stale,

    /// <summary>Any part that nobody reads just now, least recently used first.</summary>
    Idle,

    /// <summary>Also what is being fetched ahead.</summary>
    UnderWay,
}
