namespace MLPlatform.Cli.Options;

/// <summary>All settings of one call, resolved and checked. Immutable.</summary>
internal sealed class SettingValues(IReadOnlyDictionary<Setting, SettingValue> values)
{
    public IEnumerable<SettingValue> All => values.Values;

    public T Get<T>(Setting<T> setting) => (T)values[setting].Value!;

    public SettingValue this[Setting setting] => values[setting];

    /// <summary>True when anybody gave a value, even the default's.</summary>
    public bool IsGiven(Setting setting) => values.TryGetValue(setting, out SettingValue? value) && value.Origin != SettingOrigin.Default;
}
