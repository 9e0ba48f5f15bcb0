using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;

namespace Lean.Aot.Tests.Hostile;

/// <summary>A small checkpoint that a test breaks, with the demo's tokenizer where asked for; gone after the test.</summary>
internal sealed class BrokenModel : IDisposable
{
    internal const string Weights = "model.safetensors", Index = "model.safetensors.index.json", Config = "config.json", Tokenizer = "tokenizer.json";

    private readonly TemporaryFolder _folder = new();

    internal BrokenModel(string fixture = "qwen3.5-dense")
    {
        foreach (string name in (string[])[Config, Weights])
        {
            File.Copy(Path.Combine(Repository.Data($"fixtures/{fixture}"), name), At(name));
        }
    }

    /// <summary>The folder.</summary>
    internal string Folder => _folder.At("");

    /// <summary>The tensors by the order of their data.</summary>
    internal string[] Names => [.. Header().Where(static e => e.Key != "__metadata__").OrderBy(static e => Offset(e.Value!, 0)).Select(static e => e.Key)];

    internal string At(string name) => _folder.At(name);

    internal string Write(string name, string text) => _folder.Write(name, text);

    internal void Write(string name, params ReadOnlySpan<byte> bytes) => File.WriteAllBytes(At(name), bytes);

    internal void Remove(string name) => File.Delete(At(name));

    internal void MakeFolder(string name)
    {
        Remove(name);
        Directory.CreateDirectory(At(name));
    }

    internal void Link(string name, string target)
    {
        Remove(name);
        File.CreateSymbolicLink(At(name), target);
    }

    internal void MakePipe(string name)
    {
        Remove(name);
        using Process made = Process.Start("mkfifo", At(name));
        made.WaitForExit();
        Assert.Equal(0, made.ExitCode);
    }

    /// <summary>Changes a JSON file.</summary>
    internal void Edit(string name, Action<JsonObject> change)
    {
        JsonObject content = JsonNode.Parse(File.ReadAllBytes(At(name)))!.AsObject();
        change(content);
        Write(name, content.ToJsonString());
    }

    /// <summary>Sets a key of config.json to a JSON value.</summary>
    internal void Set(string key, string json) => Edit(Config, c => c[key] = JsonNode.Parse(json));

    /// <summary>Changes the header of the weights.</summary>
    internal void EditHeader(Action<JsonObject> change, params ReadOnlySpan<byte> moreData)
    {
        JsonObject header = Header();
        change(header);
        RawHeader(Encoding.UTF8.GetBytes(header.ToJsonString()), null, moreData);
    }

    /// <summary>Replaces the header of the weights.</summary>
    internal void RawHeader(string json, ulong? length = null) => RawHeader(Encoding.UTF8.GetBytes(json), length);

    internal void RawHeader(byte[] header, ulong? length = null, params ReadOnlySpan<byte> moreData)
    {
        byte[] file = File.ReadAllBytes(At(Weights)), count = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(count, length ?? (ulong)header.Length);
        Write(Weights, [.. count, .. header, .. file.AsSpan(DataStart(file)), .. moreData]);
    }

    /// <summary>Keeps the length before the header, and nothing else as it was.</summary>
    internal void HeaderLength(ulong length)
    {
        byte[] file = File.ReadAllBytes(At(Weights));
        BinaryPrimitives.WriteUInt64LittleEndian(file, length);
        Write(Weights, file);
    }

    /// <summary>Cuts bytes off the end of a file.</summary>
    internal void Cut(string name, int bytes)
    {
        using FileStream file = File.OpenWrite(At(name));
        file.SetLength(file.Length - bytes);
    }

    /// <summary>Writes an index that maps every tensor to the weights, changed.</summary>
    internal void MakeIndex(Action<JsonObject> change)
    {
        var map = new JsonObject(Names.Select(static n => new KeyValuePair<string, JsonNode?>(n, Weights)));
        change(map);
        Write(Index, new JsonObject { ["weight_map"] = map }.ToJsonString());
    }

    /// <summary>Sets one bf16 weight.</summary>
    internal void Plant(string tensor, int index, ushort value)
    {
        byte[] file = File.ReadAllBytes(At(Weights));
        int start = DataStart(file) + Offset(Header()[tensor]!, 0);
        MemoryMarshal.Cast<byte, ushort>(file.AsSpan(start, 2 * (index + 1)))[index] = value;
        Write(Weights, file);
    }

    /// <summary>Puts the demo's tokenizer into the folder, changed.</summary>
    internal void MakeTokenizer(Action<JsonObject> change)
    {
        File.Copy(Path.Combine(Repository.Root, "Engine/Demo", Tokenizer), At(Tokenizer));
        Edit(Tokenizer, change);
    }

    internal static int Offset(JsonNode entry, int end) => entry["data_offsets"]![end]!.GetValue<int>();

    public void Dispose() => _folder.Dispose();

    private static int DataStart(byte[] file) => 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(file);

    private JsonObject Header()
    {
        byte[] file = File.ReadAllBytes(At(Weights));
        return JsonNode.Parse(file.AsSpan(8, DataStart(file) - 8))!.AsObject();
    }
}
