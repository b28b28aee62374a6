using System.Globalization;
using MLPlatform.Cli.Options;
using MLPlatform.Tiers;

namespace MLPlatform.Cli.Targets;

/// <summary>Options of a mount that other calls need to reach its source and its cache: written into its run record, and taken from there.</summary>
internal static class RecordedOptions
{
    private static readonly Setting[] s_recorded =
    [
        .. StoreSettings.All, .. CatalogueSettings.All, CacheSettings.CacheSize, CacheSettings.MinFree, CacheSettings.Eviction, CacheSettings.CacheTtl, CacheSettings.Quota, CacheSettings.NoCache,
    ];

    /// <summary>Paths are made absolute: the mount's directory is not the next caller's.</summary>
    public static Dictionary<string, string[]> From(SettingValues values)
    {
        Dictionary<string, string[]> recorded = [];
        foreach (Setting setting in s_recorded)
        {
            if (values.IsGiven(setting))
            {
                recorded[setting.Name] = [.. values[setting].Texts];
            }
        }

        recorded[CatalogueSettings.StateDir.Name] = [values.Get(CatalogueSettings.StateDir)];
        if (values.Get(StoreSettings.Credentials) is { } reference && reference.StartsWith("file:", StringComparison.Ordinal))
        {
            recorded[StoreSettings.Credentials.Name] = ["file:" + Path.GetFullPath(reference[5..])];
        }

        if (CacheSettings.From(values) is { } cache)
        {
            recorded[CacheSettings.CacheDir.Name] = [.. cache.Devices.Select(Text)];
        }

        return recorded;
    }

    /// <summary>The caller's options with the mount's in the place of those that were not written on his command line.</summary>
    public static SettingValues Over(SettingValues values, Dictionary<string, string[]> recorded, string directory)
    {
        Dictionary<Setting, SettingValue> all = values.All.ToDictionary(static v => v.Setting);
        foreach (Setting setting in s_recorded.Append(CacheSettings.CacheDir))
        {
            if (!all.TryGetValue(setting, out SettingValue? own) || own.Origin == SettingOrigin.CommandLine)
            {
                continue;
            }

            all[setting] = recorded.TryGetValue(setting.Name, out string[]? texts)
                ? new SettingValue(setting, setting.Parse(texts), texts, SettingOrigin.CommandLine, directory)
                : new SettingValue(setting, setting.Default, [], SettingOrigin.Default, "default");
        }

        return new SettingValues(all);
    }

    private static string Text(CacheDeviceOptions device) =>
        $"{device.Directory}{(device.CapacityBytes is { } bytes ? string.Create(CultureInfo.InvariantCulture, $",size={bytes}") : "")},tier={device.Tier}";
}
