using System.Buffers.Binary;
using System.Text;
using Lean.Tensors;

namespace Lean.Engine.Tests.Fuzzing.Targets;

/// <summary>
/// A weights file. An input that starts with a brace is a header without its length, which is put before it, so that
/// most mutations get past the first eight bytes; any other input is the whole file.
/// </summary>
internal sealed class SafetensorsTarget : FileTarget
{
    private const string Header =
        """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b.weight":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"c":{"dtype":"I64","shape":[],"data_offsets":[32,40]},"e":{"dtype":"U8","shape":[0,7],"data_offsets":[40,40]}}""";

    private static readonly byte[] Data = [.. Enumerable.Range(0, 40).Select(i => (byte)i)];

    public override string Name => "safetensors";

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        [.. Encoding.UTF8.GetBytes(Header), .. Data],
        [.. Encoding.UTF8.GetBytes("""{"x":{"shape":[1,1,1,1,40],"data_offsets":[0,40],"dtype":"F8_E4M3"}}"""), .. Data],
        File(Header, Data),
    ];

    public override IReadOnlyList<string> Words { get; } =
    [
        "\"dtype\":\"F32\"", "\"BF16\"", "\"F16\"", "\"F64\"", "\"F8_E5M2\"", "\"I4\"", "\"BOOL\"", "\"shape\":[", "\"data_offsets\":[0,40]", "[24,32]", "__metadata__",
        "{", "}", "[", "]", ",", ":", "null", "true", "\"a\":", "-", " ", "version https://git-lfs",
    ];

    public override void Read(byte[] input)
    {
        byte[] bytes = input;
        if (input.Length > 0 && input[0] == '{')
        {
            int end = Array.LastIndexOf(input, (byte)'}') + 1;
            bytes = File(Encoding.Latin1.GetString(input, 0, end), input.AsSpan(end), Encoding.Latin1);
        }

        Write("model.safetensors", bytes);
        using Checkpoint checkpoint = Checkpoint.Open(Folder);
        long sum = 0;
        foreach (string name in checkpoint.Names)
        {
            Assert.NotEmpty(checkpoint.Describe(name));
            try
            {
                if (checkpoint.TryGet(name, out Tensor tensor) && tensor.Shape.Count > 0)
                {
                    // Both ends must lie in the mapping: reading outside of it ends the process.
                    ReadOnlySpan<byte> all = Bytes(tensor);
                    sum += all[0] + all[^1];
                }
            }
            catch (InputException)
            {
                // A type or a rank that is not supported, of a tensor nobody may ask for; the next one counts, too.
            }
        }

        GC.KeepAlive(sum);
    }

    private static unsafe ReadOnlySpan<byte> Bytes(Tensor tensor) =>
        new((void*)tensor.Address, checked((int)(tensor.Shape.Count * tensor.Type.Size())));

    private static byte[] File(string header, ReadOnlySpan<byte> data, Encoding? encoding = null)
    {
        byte[] text = (encoding ?? Encoding.UTF8).GetBytes(header);
        byte[] length = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)text.Length);
        return [.. length, .. text, .. data];
    }
}
