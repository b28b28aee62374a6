using MLPlatform.Core;

namespace MLPlatform.Cli.Options;

/// <summary>Decides each setting's value: command line, else environment, else configuration file, else default.</summary>
internal static class SettingResolver
{
    /// <param name="settings">Those of the verb and those of every verb.</param>
    /// <param name="commandLine">What was written behind each option, in order; a flag alone has <c>true</c>.</param>
    /// <param name="environment">Reads a variable.</param>
    /// <param name="file">Null without <c>--config</c>.</param>
    /// <exception cref="CacheException"><c>Configuration</c>: a value does not parse; the sentence names it, where it stands and what would.</exception>
    public static SettingValues Resolve(
        IEnumerable<Setting> settings,
        IReadOnlyDictionary<Setting, IReadOnlyList<string>> commandLine,
        Func<string, string?> environment,
        ConfigFile? file)
    {
        Dictionary<Setting, SettingValue> values = [];
        foreach (Setting setting in settings)
        {
            values.TryAdd(setting, ResolveOne(setting, commandLine, environment, file));
        }

        return new SettingValues(values);
    }

    private static SettingValue ResolveOne(
        Setting setting, IReadOnlyDictionary<Setting, IReadOnlyList<string>> commandLine, Func<string, string?> environment, ConfigFile? file)
    {
        if (commandLine.TryGetValue(setting, out IReadOnlyList<string>? texts) && texts.Count > 0)
        {
            return Parse(setting, texts, SettingOrigin.CommandLine, "command line");
        }

        if (!setting.IsPerCall)
        {
            foreach (string variable in setting.EnvironmentCounts(environment) ? setting.Environment : [])
            {
                if (environment(variable) is { Length: > 0 } text)
                {
                    return Parse(setting, setting.IsRepeatable ? text.Split(';', StringSplitOptions.RemoveEmptyEntries) : [text], SettingOrigin.Environment, variable);
                }
            }

            if (file is not null && file.Entries.TryGetValue(setting.Name, out ConfigEntry? entry))
            {
                return Parse(setting, entry.Texts, SettingOrigin.File, $"{file.Path}:{entry.Line}");
            }
        }

        return new SettingValue(setting, setting.Default, [], SettingOrigin.Default, "default");
    }

    private static SettingValue Parse(Setting setting, IReadOnlyList<string> texts, SettingOrigin origin, string where)
    {
        // Given twice on one command line, the last one counts, as with most tools.
        IReadOnlyList<string> used = setting.IsRepeatable ? texts : [texts[^1]];
        try
        {
            return new SettingValue(setting, setting.Parse(used), used, origin, where);
        }
        catch (FormatException e)
        {
            string name = origin switch
            {
                SettingOrigin.CommandLine => setting.Option,
                SettingOrigin.Environment => where,
                _ => $"{where}: {setting.Name}",
            };
            throw new CacheException(CacheError.Configuration, $"{name}: {(setting.IsSensitive ? "the value" : $"'{string.Join(' ', used)}'")} {e.Message}{(e.Message.EndsWith('?') ? "" : ".")}", e);
        }
    }
}
