using System.Text.Json;
using System.Text.Json.Serialization;

namespace MLPlatform.Datasets;

/// <summary>How the catalogue's files read and write JSON without reflection.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true)]
[JsonSerializable(typeof(DatasetDefinition))]
internal sealed partial class CatalogueJson : JsonSerializerContext;
