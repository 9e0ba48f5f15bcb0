using System.Text;
using Lean.Tensors;

namespace Lean.Engine.Tests.Fuzzing.Targets;

/// <summary>The index of a sharded checkpoint, beside two shards that are there.</summary>
internal sealed class ShardIndexTarget : FileTarget
{
    public ShardIndexTarget()
    {
        foreach ((string shard, string tensor) in new[] { ("one.safetensors", "a"), ("two.safetensors", "b") })
        {
            string header = $$$"""{"{{{tensor}}}":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}}""";
            Write(shard, [(byte)header.Length, 0, 0, 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(header), 1, 2]);
        }
    }

    public override string Name => "shard index";

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        """{"metadata":{"total_size":4},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"""u8.ToArray(),
        """{"weight_map":{"a":"one.safetensors"}}"""u8.ToArray(),
    ];

    public override IReadOnlyList<string> Words { get; } =
    [
        "\"weight_map\":{", "\"one.safetensors\"", "\"two.safetensors\"", "../one.safetensors", "/etc/passwd", "./", "\\", "\\u0000", ".", "..", "\"\"", "CON",
        "{", "}", "[", "]", ",", ":", "null", "true", "\"a\":", "\"b\":",
    ];

    public override void Read(byte[] input)
    {
        Write("model.safetensors.index.json", input);
        using Checkpoint checkpoint = Checkpoint.Open(Folder);
        Assert.All(checkpoint.Names, name => Assert.True(checkpoint.TryGet(name, out _)));
    }
}
