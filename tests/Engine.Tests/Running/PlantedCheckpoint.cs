using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Lean.Engine.Tests.Running;

/// <summary>A copy of a fixture, some of whose bf16 weights have another value; deleted at the end.</summary>
internal sealed class PlantedCheckpoint : IDisposable
{
    internal const ushort NaN = 0x7fc0, Infinity = 0x7f80, Huge = 0x7f7f;

    private readonly string _weights;

    private PlantedCheckpoint(string fixture)
    {
        Folder = Directory.CreateTempSubdirectory("lean-planted-").FullName;
        File.Copy(TestData.Path($"fixtures/{fixture}/config.json"), Path.Combine(Folder, "config.json"));
        _weights = Path.Combine(Folder, "model.safetensors");
        File.Copy(TestData.Path($"fixtures/{fixture}/model.safetensors"), _weights);
    }

    /// <summary>Where it lies.</summary>
    internal string Folder { get; }

    /// <summary>The names of a fixture's tensors.</summary>
    internal static IReadOnlyList<string> Names(string fixture)
    {
        using JsonDocument header = Header(File.ReadAllBytes(TestData.Path($"fixtures/{fixture}/model.safetensors")), out _);
        return [.. header.RootElement.EnumerateObject().Select(p => p.Name).Where(n => n != "__metadata__")];
    }

    /// <summary>Copies a fixture and fills a tensor.</summary>
    internal static PlantedCheckpoint Fill(string fixture, string name, ushort value) => new PlantedCheckpoint(fixture).Fill(name, value);

    /// <summary>Copies a fixture and fills one row of a matrix.</summary>
    internal static PlantedCheckpoint FillRow(string fixture, string name, int row, ushort value) => new PlantedCheckpoint(fixture).Fill(name, value, row);

    /// <summary>Copies a fixture of Qwen3.5's, whose config.json then says that there is no MTP head.</summary>
    internal static PlantedCheckpoint WithoutHead(string fixture)
    {
        var copy = new PlantedCheckpoint(fixture);
        string path = Path.Combine(copy.Folder, "config.json"), config = File.ReadAllText(path);
        File.WriteAllText(path, config.Replace("\"mtp_num_hidden_layers\": 1", "\"mtp_num_hidden_layers\": 0", StringComparison.Ordinal));
        return copy;
    }

    /// <summary>Fills a tensor, or one row of it, with a value of bf16.</summary>
    internal PlantedCheckpoint Fill(string name, ushort value, int? row = null)
    {
        byte[] file = File.ReadAllBytes(_weights);
        using JsonDocument header = Header(file, out int data);
        JsonElement entry = header.RootElement.GetProperty(name);
        Assert.Equal("BF16", entry.GetProperty("dtype").GetString());
        int begin = entry.GetProperty("data_offsets")[0].GetInt32(), end = entry.GetProperty("data_offsets")[1].GetInt32();
        Span<ushort> values = MemoryMarshal.Cast<byte, ushort>(file.AsSpan()[(data + begin)..(data + end)]);
        int width = values.Length / entry.GetProperty("shape")[0].GetInt32();
        (row is { } r ? values.Slice(r * width, width) : values).Fill(value);
        File.WriteAllBytes(_weights, file);
        return this;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static JsonDocument Header(byte[] file, out int data)
    {
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        data = 8 + length;
        return JsonDocument.Parse(file.AsMemory(8, length));
    }
}
