using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Lean.Engine.Tests.Running;

/// <summary>
/// The demo with a final norm that matters: its weight is 4 times as large in one half of the channels and a quarter in the
/// other, which the LM head's columns and the MTP head's norm of that state make up for, nearly. The demo's own is so even that
/// its MTP head cannot tell a state before it from one behind.
/// </summary>
internal sealed class StretchedDemo : IDisposable
{
    private const float Stretch = 4;

    // What the stretched state's root mean square comes to, where all channels are alike.
    private static readonly float s_size = float.Sqrt(((Stretch * Stretch) + (1 / (Stretch * Stretch))) / 2);

    internal StretchedDemo()
    {
        Folder = Directory.CreateTempSubdirectory("lean-stretched-").FullName;
        foreach (string file in Directory.EnumerateFiles(TestData.Demo))
        {
            File.Copy(file, Path.Combine(Folder, Path.GetFileName(file)));
        }

        Change("model.language_model.norm.weight", static (w, stretch) => ((1 + w) * stretch) - 1);
        Change("mtp.pre_fc_norm_hidden.weight", static (w, stretch) => ((1 + w) * s_size / stretch) - 1);
        Change("lm_head.weight", static (w, stretch) => w / stretch);
    }

    /// <summary>Where it lies.</summary>
    internal string Folder { get; }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private void Change(string name, Func<float, float, float> change)
    {
        using var index = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "model.safetensors.index.json")));
        string path = Path.Combine(Folder, index.RootElement.GetProperty("weight_map").GetProperty(name).GetString()!);
        byte[] file = File.ReadAllBytes(path);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        using var header = JsonDocument.Parse(file.AsMemory(8, length));
        JsonElement entry = header.RootElement.GetProperty(name), offsets = entry.GetProperty("data_offsets");
        Assert.Equal("BF16", entry.GetProperty("dtype").GetString());
        Span<ushort> values = MemoryMarshal.Cast<byte, ushort>(file.AsSpan()[(8 + length + offsets[0].GetInt32())..(8 + length + offsets[1].GetInt32())]);
        int width = entry.GetProperty("shape").EnumerateArray().Last().GetInt32();
        for (int i = 0; i < values.Length; i++)
        {
            float value = change(BitConverter.Int32BitsToSingle(values[i] << 16), i % width % 2 == 0 ? Stretch : 1 / Stretch);
            values[i] = (ushort)((BitConverter.SingleToInt32Bits(value) + 0x8000) >> 16);
        }

        File.WriteAllBytes(path, file);
    }
}
