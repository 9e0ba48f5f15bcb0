using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lean.Kernels.Compiler;

/// <summary>
/// kernels.json: what the launcher generator reads. Text rather than code, so that a change of a kernel's body that
/// leaves its parameters alone regenerates no launcher but its hash.
/// </summary>
internal static partial class Manifest
{
    /// <summary>Writes the manifest.</summary>
    /// <param name="kernels">All kernels.</param>
    /// <param name="targets">What each target has, by the target's name.</param>
    /// <returns>UTF-8 JSON.</returns>
    public static byte[] Write(IReadOnlyList<KernelDeclaration> kernels, IReadOnlyDictionary<string, IReadOnlyDictionary<string, CompiledText>> targets)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteStartArray("kernels");
            foreach (KernelDeclaration kernel in kernels)
            {
                json.WriteStartObject();
                json.WriteString("entry", kernel.Name);
                json.WriteString("op", kernel.Attribute.Name);
                json.WriteNumber("threads", kernel.Attribute.Threads);
                json.WriteString("groups", kernel.Attribute.Groups);
                json.WriteString("groupsY", kernel.Attribute.GroupsY);
                json.WriteNumber("sharedBytes", targets.Values.Select(t => t.GetValueOrDefault(kernel.Name)).OfType<CompiledText>().Max(SharedBytes));
                json.WriteNumber("dynamicBytes", kernel.Cuda?.SharedBytes ?? 0);
                json.WriteNumber("cluster", kernel.Cluster);
                json.WriteBoolean("keepsRoom", kernel.Cuda?.KeepsRoom ?? false);
                json.WriteStartArray("parameters");
                foreach (KernelParameter parameter in kernel.Parameters)
                {
                    Write(json, parameter);
                }

                json.WriteEndArray();
                json.WriteStartObject("targets");
                foreach ((string target, IReadOnlyDictionary<string, CompiledText> compiled) in targets)
                {
                    if (compiled.TryGetValue(kernel.Name, out CompiledText? text))
                    {
                        json.WriteString(target, text.Hash);
                    }
                }

                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static void Write(Utf8JsonWriter json, KernelParameter parameter)
    {
        json.WriteStartObject();
        json.WriteString("name", parameter.Name);
        json.WriteString("type", parameter.Type);
        if (parameter.Element is not null)
        {
            json.WriteString("element", parameter.Element);
            json.WriteString("shape", string.Join(", ", parameter.Shape!));
            json.WriteBoolean("optional", parameter.Optional);
        }

        if (parameter.TileRows > 0)
        {
            json.WriteNumber("tileRows", parameter.TileRows);
            json.WriteBoolean("streamed", parameter.Streamed);
        }

        if (parameter.Extent is not null)
        {
            json.WriteString("extent", parameter.Extent);
        }

        if (parameter.RowStride is not null)
        {
            json.WriteString("rowStride", parameter.RowStride);
        }

        json.WriteEndObject();
    }

    // PTX states shared memory in bytes.
    private static int SharedBytes(CompiledText compiled) => Shared().Matches(compiled.Text).Sum(m => int.Parse(m.Groups[1].ValueSpan));

    [GeneratedRegex(@"^\s*\.shared .*\[(\d+)\];", RegexOptions.Multiline)]
    private static partial Regex Shared();
}
