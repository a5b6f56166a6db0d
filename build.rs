//! Compiles the protos without protoc: messages and clients once, the server's traits over its own
//! lenient codec once more, and the descriptors that reflection serves.

use std::path::Path;

use protox::prost::Message as _;

const PROTOS: [&str; 2] =
    ["proto/vajra/v1/risk_service.proto", "proto/vajra/v1/list_service.proto"];

#[expect(clippy::disallowed_methods, reason = "cargo says by the environment where to write")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    // A file that is added to the shipped bundle becomes part of the program.
    println!("cargo::rerun-if-changed=policies");
    let out = std::env::var("OUT_DIR")?;
    let out = Path::new(&out);
    let (client, server) = (out.join("client"), out.join("server"));
    std::fs::create_dir_all(&client)?;
    std::fs::create_dir_all(&server)?;

    let mut descriptors = protox::compile(PROTOS, ["proto"])?;

    tonic_prost_build::configure()
        .build_server(false)
        .btree_map(".")
        .extern_path(".google.rpc", "::tonic_types::pb")
        .out_dir(client)
        .compile_fds(descriptors.clone())?;

    // The same services for the server, over the messages above. Its codec answers what cannot be
    // decoded with INVALID_ARGUMENT, and hands the stream's messages on even then.
    tonic_prost_build::configure()
        .build_client(false)
        .extern_path(".google.rpc", "::tonic_types::pb")
        .extern_path(".vajra.v1", "crate::server::proto")
        .extern_path(".vajra.v1.ScoreStreamRequest", "crate::server::wire::StreamMessage")
        .codec_path("crate::server::wire::WireCodec")
        .out_dir(server)
        .compile_fds(descriptors.clone())?;

    // Comments are for readers of the protos, not for the wire.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    Ok(())
}
