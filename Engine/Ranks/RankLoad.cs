using System.Text.Json;
using Lean.Engine.Caches;
using Lean.Engine.Running;

namespace Lean.Engine.Ranks;

/// <summary>What a rank has loaded, and what room is left there.</summary>
/// <param name="WeightBytes">Bytes of weights.</param>
/// <param name="CopiedBytes">How many of those are copies, since the slice does not lie together in the file.</param>
/// <param name="LoadTime">How long loading took.</param>
/// <param name="Room">What there is room for.</param>
internal sealed record RankLoad(long WeightBytes, long CopiedBytes, TimeSpan LoadTime, CacheRoom Room)
{
    private const int Fields = 14;

    /// <summary>That of a loaded part.</summary>
    /// <param name="model">The part.</param>
    /// <param name="sharing">Ranks that share its memory.</param>
    public static RankLoad Of(LoadedModel model, int sharing) =>
        new(model.WeightBytes, model.CopiedBytes, model.LoadTime, CacheRoom.Of(model.Model, model.Ops, sharing));

    /// <summary>Reads what <see cref="ToBytes"/> wrote.</summary>
    /// <exception cref="Tensors.MachineException">The bytes are none.</exception>
    public static RankLoad Read(ReadOnlySpan<byte> bytes, int rank)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes);
            using var document = JsonDocument.ParseValue(ref reader);
            JsonElement list = document.RootElement;
            long Number(int index) => list[index].GetInt64();
            return list.GetArrayLength() != Fields + 1 ? throw new FormatException("another number of fields") : new RankLoad(
                Number(0),
                Number(1),
                new TimeSpan(Number(2)),
                new CacheRoom(Number(3), Number(4), IsHost: Number(9) != 0, list[Fields].GetString()!, new CacheSizes(Number(5), Number(6)), new CacheSizes(Number(7), Number(8)),
                    new StepSizes((int)Number(10), Number(11), Number(12)))
                {
                    DraftHead = Number(13),
                });
        }
        catch (Exception fault) when (fault is JsonException or FormatException or InvalidOperationException)
        {
            throw new Tensors.MachineException($"rank {rank} reported something else than what it has loaded: {fault.Message}", fault);
        }
    }

    /// <summary>It as bytes, for rank 0.</summary>
    public byte[] ToBytes()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartArray();
            foreach (long number in (ReadOnlySpan<long>)[
                WeightBytes, CopiedBytes, LoadTime.Ticks, Room.Free, Room.Total, Room.Plain.Block, Room.Plain.State, Room.Drafting.Block, Room.Drafting.State, Room.IsHost ? 1 : 0,
                Room.Step.Multiprocessors, Room.Step.Row, Room.Step.Output, Room.DraftHead])
            {
                json.WriteNumberValue(number);
            }

            json.WriteStringValue(Room.Device);
            json.WriteEndArray();
        }

        return stream.ToArray();
    }
}
